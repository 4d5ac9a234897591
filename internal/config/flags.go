package config

// Flag is a flag that a file and the environment can set.
type Flag struct {
	Name string
	Kind Kind
}

// Kind is what values a flag takes.
type Kind int

// The kinds.
const (
	Text Kind = iota
	List
	Bool
	Number
	Duration
)

// Flags are the flags that a file can set, by the names they have on the command
// line. What belongs to one call alone (--zone, --record, --replay) is not here.
var Flags = []Flag{
	{"dns", List},
	{"trust-ad", Bool},
	{"dnssec", Text},
	{"trust-anchor", Text},
	{"timeout", Duration},
	{"helo", Text},
	{"no-smtp", Bool},
	{"tls-versions", Text},
	{"submission-host", List},
	{"access-host", List},
	{"dnsbl", List},
	{"ca-file", Text},
	{"bimi-ca", Text},
	{"allow-private", Bool},
	{"weak-keys", Text},
	{"selectors-from", List},
	{"dmarc-reports", List},
	{"lang", Text},
	{"format", Text},
	{"output", List},
	{"fail-on", Text},
	{"min-score", Number},
	{"fail-on-incomplete", Bool},
	{"baseline", Text},
	{"sarif-category", Text},
}

// EnvName is the environment variable of a flag: POSTSEAL_FAIL_ON.
func (f Flag) EnvName() string {
	b := []byte("POSTSEAL_" + f.Name)
	for i, c := range b {
		switch {
		case c == '-':
			b[i] = '_'
		case c >= 'a' && c <= 'z':
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

package tlsrpt

import (
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/tlsfields"
)

// version begins every record (RFC 8460 §3).
const version tlsfields.Version = "v=TLSRPTv1"

// Record is a parsed TXT record, such as
//
//	v=TLSRPTv1; rua=mailto:tls-reports@example.com
type Record struct {
	RUA        []URI             // "rua", of all its fields, in order
	Extensions []tlsfields.Field // fields that nobody knows yet, well formed
}

// String prints the record as a generator would publish it: one rua field.
func (r *Record) String() string {
	var uris []string
	for _, u := range r.RUA {
		uris = append(uris, u.Text)
	}
	s := string(version)
	if len(uris) > 0 {
		s += "; rua=" + strings.Join(uris, ",")
	}
	for _, e := range r.Extensions {
		s += "; " + e.Name + "=" + e.Value
	}
	return s
}

// URI is one place that reports go to.
type URI struct {
	Text   string     // as written
	Span   check.Span // in the record
	Scheme string     // "mailto" or "https", lower-case; or what else was written
	Host   dns.Name   // the mail domain or the HTTPS host; "" where there is none
	Local  string     // of a mailto URI, decoded
	faulty bool
}

// usable tells whether a reporter can use the URI.
func (u *URI) usable() bool { return !u.faulty && u.Host != "" }

// Problem is one thing wrong with a record.
type Problem = check.Problem

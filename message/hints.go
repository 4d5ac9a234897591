package message

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
)

// What is tried on a broken signature is bounded: so many changes, of so many
// octets together.
const (
	maxTries      = 3000
	maxSlowTries  = 200 // where each costs a verification
	maxTryOctets  = 64 << 20
	maxFootLines  = 2000
	maxSubjectCut = 6 // words
	maxHintBody   = 8 << 20
	maxRefolded   = 2000 // octets of a field whose line breaks are moved
)

// bodyHints are the changes to the body after which its hash is the one signed.
func bodyHints(body []byte, s *Signature, bodies *bodyCache) []Hint {
	hints := []Hint{}
	same := func(canonical []byte) bool {
		sum := bodyHash(canonical, s.Limit)
		return bytes.Equal(sum[:], s.bh)
	}
	try := func(code, text string, canonical []byte) {
		if same(canonical) {
			hints = append(hints, Hint{code, text})
		}
	}
	other := relaxed
	if s.body == relaxed {
		other = simple
	}
	try(other+"-body", "", bodies.get(other))
	if len(body) > maxHintBody {
		return hints // each further try costs a pass over the body, for each signature
	}
	if bytes.Count(body, []byte("\n")) != bytes.Count(body, []byte("\r\n")) {
		whole := toCRLF(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")))
		try("crlf", "", canonicalBody(whole, s.body))
	}
	for _, c := range []struct{ code, from, to string }{
		{"dots", "\r\n..", "\r\n."},              // RFC 5321 §4.5.2, not undone
		{"mbox-from", "\r\n>From ", "\r\nFrom "}, // written by mbox files
	} {
		whole := append([]byte("\r\n"), body...)
		if bytes.Contains(whole, []byte(c.from)) {
			try(c.code, "", canonicalBody(bytes.ReplaceAll(whole, []byte(c.from), []byte(c.to))[2:], s.body))
		}
	}
	// A signer that hashes the empty lines at the end, too.
	if rest := bytes.TrimRight(body, "\r\n"); len(body)-len(rest) > 2 {
		try("blank-lines", "", body)
	}
	if s.Limit < 0 {
		if lines, octets := footer(bodies.get(s.body), s.bh); lines > 0 {
			hints = append(hints, Hint{"footer", strconv.Itoa(lines) + "/" + strconv.Itoa(octets)})
		}
	}
	return hints
}

// footer tells after how many lines less, counted from the end, the body has
// the hash that was signed; 0 where it never does.
func footer(canonical, want []byte) (lines, octets int) {
	ends := []int{} // of lines with text, the last maxFootLines of them
	for end := len(canonical); end > 0 && len(ends) < maxFootLines; {
		start := bytes.LastIndexByte(canonical[:max(end-1, 0)], '\n') + 1
		if end-start > 2 {
			ends = append(ends, end)
		}
		end = start
	}
	slices.Reverse(ends)
	h := sha256.New()
	at := 0
	for _, end := range ends {
		h.Write(canonical[at:end])
		if at = end; end < len(canonical) && bytes.Equal(h.Sum(nil), want) {
			rest := canonical[end:]
			return bytes.Count(rest, []byte("\r\n")), len(rest)
		}
	}
	return 0, 0
}

// trial compares changed headers with what was signed.
type trial struct {
	s      *Signature
	digest *[sha256.Size]byte // of an RSA signature; nil where each try costs a verification
	left   int
}

func (t *trial) fits(parts [][]byte) bool {
	if t.left--; t.left < 0 {
		return false
	}
	sum := hashParts(parts)
	if t.digest != nil {
		return sum == *t.digest
	}
	return t.s.Key.verifies(sum, t.s.b)
}

// change replaces some of the signed parts.
type change struct {
	hint  Hint
	parts map[int][]byte
}

// headerHints looks for a change to the header that explains the failure. parts
// are what was verified.
func (s *Signature) headerHints(m *Message, parts [][]byte) {
	size := 1
	for _, p := range parts {
		size += len(p)
	}
	t := &trial{s: s, left: min(maxSlowTries, maxTryOctets/size)}
	if strings.HasPrefix(s.Algo, "rsa") {
		digest, ok := s.Key.signedDigest(s.b)
		if !ok {
			s.OtherKey = true
			return
		}
		t.digest, t.left = &digest, min(maxTries, maxTryOctets/size)
	}
	rewritten := append([]change{{}}, s.rewritten(m)...)
	added := append([]change{{}}, s.added(m)...)
	for _, a := range rewritten {
		for _, b := range added {
			if s.tryChanges(t, parts, a, b) {
				return
			}
		}
	}
	if s.header == simple {
		for _, c := range s.refolded(m) {
			if s.tryChanges(t, parts, c, change{}) {
				return
			}
		}
	}
}

func (s *Signature) tryChanges(t *trial, parts [][]byte, list ...change) bool {
	tried := slices.Clone(parts)
	hints := []Hint{}
	for _, c := range list {
		for i, p := range c.parts {
			tried[i] = p
		}
		if c.hint.Code != "" {
			hints = append(hints, c.hint)
		}
	}
	if len(hints) == 0 || !t.fits(tried) {
		return false
	}
	s.WouldPass = hints
	return true
}

// rewritten are the Subject without the words that lists and filters put in
// front, and the From that lists keep elsewhere when they replace it.
func (s *Signature) rewritten(m *Message) []change {
	var subjects, froms []change
	for i, n := range s.fields {
		if n < 0 {
			continue
		}
		switch f := &m.Fields[n]; f.Key {
		case "subject":
			for _, cut := range subjectCuts(f.Value) {
				subjects = append(subjects, change{Hint{"subject", cut.gone}, map[int][]byte{i: canonicalField([]byte(f.Name+": "+cut.rest+"\r\n"), s.header)}})
			}
		case "from":
			for _, key := range []string{"x-original-from", "reply-to"} {
				if o := m.first(key); o != nil {
					froms = append(froms, change{Hint{"from", o.Name}, map[int][]byte{i: canonicalField([]byte(f.Name+": "+o.Value+"\r\n"), s.header)}})
				}
			}
		}
	}
	return append(subjects, froms...)
}

type subjectCut struct{ gone, rest string }

// subjectCuts take words from the front of a subject, before or after "Re:".
func subjectCuts(value string) []subjectCut {
	var list []subjectCut
	starts := []int{0}
	if re, rest, ok := strings.Cut(value, ":"); ok && len(re) <= 3 && strings.HasPrefix(rest, " ") {
		starts = append(starts, len(re)+2)
	}
	for _, start := range starts {
		at := start
		for range maxSubjectCut {
			i := strings.IndexAny(value[at:], " \t")
			if i < 0 {
				break
			}
			at += i + 1
			list = append(list, subjectCut{strings.TrimSpace(value[start:at]), value[:start] + value[at:]})
		}
	}
	return list
}

// added are the fields that somebody put on top although the signature said
// that there is none, or no more (RFC 6376 §5.4.2): each is taken away.
func (s *Signature) added(m *Message) []change {
	var list []change
	total := map[string]int{}
	for i := range m.Fields {
		total[m.Fields[i].Key]++
	}
	count, last := map[string]int{}, map[string]int{}
	var order []string
	for i, name := range s.Headers {
		key := strings.ToLower(name)
		if count[key]++; count[key] == 1 {
			order = append(order, key)
		}
		if s.fields[i] >= 0 {
			last[key] = i
		}
	}
	all := change{hint: Hint{Code: "added"}, parts: map[int][]byte{}}
	var together []string
	for _, key := range order {
		if total[key] == 0 || count[key] < total[key] {
			continue
		}
		i := last[key]
		name := m.Fields[s.fields[i]].Name
		list = append(list, change{Hint{"added", name}, map[int][]byte{i: nil}})
		if total[key] > 1 || !slices.Contains([]string{"from", "to", "subject", "date", "message-id"}, key) {
			all.parts[i] = nil
			together = append(together, name)
		}
	}
	if len(together) > 1 {
		all.hint.Text = strings.Join(together, ", ")
		list = append(list, all)
	}
	return list
}

// refolded are the fields with other line breaks, which only the simple
// canonicalisation minds.
func (s *Signature) refolded(m *Message) []change {
	var list []change
	all := change{Hint{"refolded", ""}, map[int][]byte{}}
	for i, n := range s.fields {
		if n < 0 {
			continue
		}
		f := &m.Fields[n]
		if len(f.Raw) > maxRefolded || len(list) > maxTries {
			continue
		}
		name, value, _ := strings.Cut(string(f.Raw), ":")
		flat := strings.ReplaceAll(strings.TrimSuffix(value, "\r\n"), "\r\n", "")
		tight := strings.Join(strings.Fields(value), " ")
		if strings.HasPrefix(value, " ") {
			tight = " " + tight
		}
		add := func(text string) {
			list = append(list, change{Hint{"refolded", f.Name}, map[int][]byte{i: []byte(name + ":" + text + "\r\n")}})
		}
		if flat+"\r\n" != value {
			add(flat)
			all.parts[i] = []byte(name + ":" + flat + "\r\n")
		}
		if tight != flat {
			add(tight)
		}
		for at := 1; at < len(tight); at++ {
			if tight[at] == ' ' {
				add(tight[:at] + "\r\n" + tight[at:])
				add(tight[:at] + "\r\n\t" + tight[at+1:])
			}
		}
	}
	if len(all.parts) > 1 {
		list = append([]change{all}, list...)
	}
	return list
}

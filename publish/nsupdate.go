package publish

import (
	"fmt"
	"io"
	"strings"

	"github.com/postseal/postseal/internal/zonetext"
)

// NSUpdate writes a script for nsupdate that changes a name only while it is as
// it was seen: a new name must hold nothing of the type (RFC 2136 §2.4.3); a
// text that takes the place of another one asks for the whole RRset as it is
// (§2.4.2) and deletes that text alone, so that those beside it stay. Without
// Set.Send it shows the message and leaves sending to the reader. No line is
// empty: nsupdate takes one for "send".
func NSUpdate(w io.Writer, s *Set) error {
	if err := s.check(); err != nil {
		return err
	}
	var b strings.Builder
	s.head(&b, "; ")
	if s.Primary != "" {
		fmt.Fprintf(&b, "server %s\n", strings.TrimSuffix(s.Primary, "."))
	}
	if s.Apex != "" {
		fmt.Fprintf(&b, "zone %s\n", s.Apex)
	}
	ours, _ := s.rrsets()
	for i := range ours {
		set := &ours[i]
		comment(&b, "; ", set.comment)
		live := set.values[0].Live
		if len(live) == 0 {
			if live == nil {
				comment(&b, "; ", s.Words.Unseen)
			}
			fmt.Fprintf(&b, "prereq nxrrset %s %s\n", set.name, set.rtype)
		}
		for _, text := range live {
			fmt.Fprintf(&b, "prereq yxrrset %s %s %s\n", set.name, set.rtype, oneLine(split(text)))
		}
		for j := range set.values {
			r := &set.values[j]
			old, _, done := r.replaces()
			for _, text := range old {
				fmt.Fprintf(&b, "update delete %s %s %s\n", r.Name, r.Type, oneLine(split(text)))
			}
			if done {
				comment(&b, "; ", s.Words.Done)
				continue
			}
			value := r.Value
			if len(r.Strings) > 0 {
				value = oneLine(r.Strings)
			}
			fmt.Fprintf(&b, "update add %s %d %s %s\n", r.Name, r.TTL, r.Type, value)
		}
	}
	if len(ours) > 0 {
		b.WriteString("show\n")
		if s.Send {
			b.WriteString("send\n")
		}
	}
	s.elsewhere(&b, "; ")
	_, err := io.WriteString(w, b.String())
	return err
}

// oneLine is a text's strings as RDATA on one line.
func oneLine(parts []string) string {
	quoted := make([]string, len(parts))
	for i, part := range parts {
		quoted[i] = zonetext.Quote(part)
	}
	return strings.Join(quoted, " ")
}

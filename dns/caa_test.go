package dns

import (
	"testing"

	mdns "github.com/miekg/dns"
)

// TestCAAWire: flags, tag and value of a CAA record off the wire (RFC 8659 §4.1),
// and records that end before they should, which make no record.
func TestCAAWire(t *testing.T) {
	message := func(rdata string) []byte {
		b := []byte("\x00\x01\x80\x00\x00\x00\x00\x01\x00\x00\x00\x00" + "\x01a\x04test\x00" + "\x01\x01\x00\x01\x00\x00\x00\x3c\x00")
		return append(append(b, byte(len(rdata))), rdata...)
	}
	m := new(mdns.Msg)
	if err := m.Unpack(message("\x80\x05issueca.example")); err != nil {
		t.Fatal(err)
	}
	s, e := stepOf(m, query{name: "a.test", qtype: TypeCAA})
	if e != nil || len(s.Records) != 1 || *s.Records[0].CAA != (CAA{Flags: 128, Tag: "issue", Value: "ca.example"}) || !s.Records[0].CAA.Critical() {
		t.Errorf("got %+v, %v", s.Records, e)
	}
	for name, b := range map[string][]byte{
		"tag longer than the data":     message("\x00\x09issue"),
		"data longer than the message": message("\x00\x05issueca.example")[:40],
	} {
		if err := new(mdns.Msg).Unpack(b); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

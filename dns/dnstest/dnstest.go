// Package dnstest answers DNS questions from zone text, in process or on
// 127.0.0.1, for tests and for the lab.
//
// The text is one closed world: a name that it does not hold, nor lies above a
// name that it holds, does not exist. Wildcards, CNAME and DNAME work; NS
// records delegate nothing. Names are absolute or relative to $ORIGIN (the root
// to begin with), $TTL is 3600 unless set, no SOA is needed. Failures and
// security are words in comments:
//
//	broken.example.   TXT  ; !servfail     this question fails so: servfail,
//	                                       refused, timeout, truncate, lame
//	dead.example.     ANY  ; !timeout      every type at that name
//	signed.example.   TXT "x" ; !bogus     SERVFAIL, but an answer to ResolveCD
//	example.com.  SOA …  ; !at 5.6.7.8     what AskServer gets from that server only
//	; !at 5.6.7.8 refused                  how that server fails every AskServer
//	; !secure example.com.                 answers at and under the name carry AD
//	; !trusted                             AD can be believed, and nothing is secure
//
// A line with another failure word may have record data, which is not read. Without
// !secure and !trusted, answers are not Trusted: whether they are secure could
// not be told. In process a failure is an *dns.Error at once; a timeout does
// not sleep.
package dnstest

import (
	"testing"

	"github.com/postseal/postseal/dns"
)

// New answers from the zone text in process. Text that cannot be read fails the test.
func New(t testing.TB, zone string) dns.Resolver {
	t.Helper()
	w, err := Parse(zone)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

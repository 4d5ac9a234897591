// Package aggregate reads DMARC aggregate reports, those of RFC 9990 and those
// of RFC 7489 Appendix C, and sums them up: who sends as a domain, and what
// would become of that mail under a stricter policy.
//
// Reports come from strangers: every size is bounded, and what cannot be read
// is reported and skipped.
package aggregate

package provider

import "strings"

// CAsReviewed is the day on which the table of authorities was last gone through.
const CAsReviewed = "2026-11-23"

// CA is a certification authority and the domains by which CAA records name it
// (RFC 8659 §4.2). An authority decides for itself which ones it takes for its
// own and changes them at will. Verified rows were read in the authority's own
// pages; of the others only the first domain was, or none. Rows are left out
// where that is not well known, because a row that lacks a name would make a
// fault of a good record.
type CA struct {
	Name          string   // as people know it
	Mark          Mark     // how well the row is known
	Organizations []string // beginnings of O= in its issuing certificates
	Domains       []string // the one to publish first
}

var authorities = []CA{
	{"Let's Encrypt", Verified, list{"Let's Encrypt"}, list{"letsencrypt.org"}},
	{"Google Trust Services", Verified, list{"Google Trust Services"}, list{"pki.goog"}},
	{"Amazon", Verified, list{"Amazon"}, list{"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"}},
	{"Sectigo", Common, list{"Sectigo Limited", "COMODO CA Limited", "ZeroSSL", "The USERTRUST Network"},
		list{"sectigo.com", "comodo.com", "comodoca.com", "usertrust.com", "trust-provider.com"}},
	{"DigiCert", Common, list{"DigiCert"},
		list{"digicert.com", "www.digicert.com", "digicert.ne.jp", "cybertrust.ne.jp", "symantec.com", "thawte.com", "geotrust.com",
			"rapidssl.com", "volusion.com", "stratossl.com", "intermediatecertificate.de", "1and1.com", "digitalcertvalidation.com"}},
	{"GlobalSign", Verified, list{"GlobalSign"}, list{"globalsign.com"}},
	{"Entrust", Common, list{"Entrust"}, list{"entrust.net", "affirmtrust.com", "entrust.com"}},
	{"GoDaddy", Verified, list{"GoDaddy.com", "Starfield Technologies"}, list{"godaddy.com", "starfieldtech.com"}},
	{"SSL.com", Verified, list{"SSL Corp"}, list{"ssl.com"}},
	{"Buypass", Verified, list{"Buypass AS"}, list{"buypass.com", "buypass.no"}},
	{"Actalis", Common, list{"Actalis S.p.A."}, list{"actalis.it"}},
	{"HARICA", Common, list{"Hellenic Academic and Research Institutions CA"}, list{"harica.gr"}},
}

// ByIssuer gives the authority that a certificate's issuer names, as x509 prints
// the name ("CN=R11,O=Let's Encrypt,C=US"); nil where it is not in the table.
func ByIssuer(issuer string) *CA {
	for i := range authorities {
		for _, o := range authorities[i].Organizations {
			if at, ok := attribute(issuer, "O"); ok && strings.HasPrefix(strings.ToLower(at), strings.ToLower(o)) {
				return &authorities[i]
			}
		}
	}
	return nil
}

// attribute reads one attribute of a name in the form of RFC 2253, in which
// a backslash escapes a comma.
func attribute(name, key string) (value string, ok bool) {
	var part strings.Builder
	for i := 0; i <= len(name); i++ {
		switch {
		case i == len(name) || name[i] == ',' || name[i] == '+':
			if v, found := strings.CutPrefix(part.String(), key+"="); found {
				return v, true
			}
			part.Reset()
		case name[i] == '\\' && i+1 < len(name):
			i++
			part.WriteByte(name[i])
		default:
			part.WriteByte(name[i])
		}
	}
	return "", false
}

package dkim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postseal/postseal/dns"
)

// SigningKey is a key as a signer's configuration names it.
type SigningKey struct {
	Selector string
	Path     string // absolute, of the private key on the host that signs
	Type     string // as PrivateKey has it
}

// ConfigFile is a part of a program's configuration.
type ConfigFile struct {
	ID   string // what it is for, for the words above it
	Path string // where it belongs
	Text string
}

// OpenDKIM is what makes OpenDKIM sign for the domain with these keys, and
// Postfix pass messages through it. Version 2.11 has one SignatureAlgorithm for
// all keys and answers 451 when a key is not of it: of RSA and Ed25519 together
// it gets the RSA key, and both tells that the other one is left out.
func OpenDKIM(domain dns.Name, keys []SigningKey) (files []ConfigFile, both bool) {
	var table, signing strings.Builder
	ed := func(k SigningKey) bool { return k.Type == "ed25519" }
	algorithm := "rsa-sha256"
	if !slices.ContainsFunc(keys, func(k SigningKey) bool { return !ed(k) }) {
		algorithm = "ed25519-sha256"
	} else {
		both = slices.ContainsFunc(keys, ed)
		keys = slices.DeleteFunc(slices.Clone(keys), ed)
	}
	for _, k := range keys {
		name := k.Selector + "._domainkey." + domain.String()
		fmt.Fprintf(&table, "%s %s:%s:%s\n", name, domain, k.Selector, k.Path)
		fmt.Fprintf(&signing, "*@%s %s\n", domain, name)
	}
	conf := "KeyTable refile:/etc/opendkim/KeyTable\nSigningTable refile:/etc/opendkim/SigningTable\n" +
		"SignatureAlgorithm " + algorithm + "\n"
	// RFC 8058 §4 wants List-Unsubscribe-Post signed, which OpenDKIM's own list
	// lacks; a From signed once more than it is there cannot be added (RFC 6376 §8.15).
	conf += "Mode sv\nCanonicalization relaxed/simple\nOversignHeaders From\nSignHeaders *,+List-Unsubscribe-Post\n" +
		"Socket inet:8891@127.0.0.1\n"
	return []ConfigFile{
		{"keytable", "/etc/opendkim/KeyTable", table.String()},
		{"signingtable", "/etc/opendkim/SigningTable", signing.String()},
		{"opendkim", "/etc/opendkim.conf", conf},
		{"postfix", "/etc/postfix/main.cf", "smtpd_milters = inet:127.0.0.1:8891\nnon_smtpd_milters = $smtpd_milters\nmilter_default_action = tempfail\n"},
	}, both
}

// Rspamd is what makes rspamd sign for the domain with these keys, each message
// with all of them.
func Rspamd(domain dns.Name, keys []SigningKey) []ConfigFile {
	var b strings.Builder
	b.WriteString("use_domain = \"header\";\nuse_esld = false;\nsign_authenticated = true;\ndomain {\n")
	fmt.Fprintf(&b, "  %s {\n    selectors [\n", domain)
	for i, k := range keys {
		comma := ","
		if i == len(keys)-1 {
			comma = ""
		}
		fmt.Fprintf(&b, "      { path: %s; selector: %s; }%s\n", uclString(k.Path), uclString(k.Selector), comma)
	}
	b.WriteString("    ]\n  }\n}\n")
	return []ConfigFile{{"rspamd", "/etc/rspamd/local.d/dkim_signing.conf", b.String()}}
}

// uclString quotes a text for rspamd's configuration language.
func uclString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

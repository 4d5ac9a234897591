package dmarc

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

func gather(t testing.TB, zone string, domain dns.Name, profile check.Profile) *Facts {
	t.Helper()
	f, err := Gather(context.Background(), dnstest.New(t, zone), domain)
	if err != nil {
		t.Fatal(err)
	}
	f.Profile = profile
	return f
}

// findings lists what stands on its own, notice and above, and below each the
// consequences.
func findings(f *Facts) []string {
	results := check.Evaluate(Rules, f)
	check.Relate(results)
	out := []string{}
	for i := range results {
		r := &results[i]
		if r.Status == check.Unknown {
			out = append(out, "unknown "+r.Rule.ID)
		}
		for j := range r.Findings {
			sev := r.Rule.SeverityOf(&r.Findings[j])
			if sev == check.Info {
				continue
			}
			line := strings.TrimPrefix(r.Rule.ID, "dmarc-") + " " + sev.String()
			var under []string
			for _, c := range r.Findings[j].Consequences {
				under = append(under, strings.TrimPrefix(c.Rule, "dmarc-"))
			}
			slices.Sort(under)
			if under = slices.Compact(under); len(under) > 0 {
				line += " (" + strings.Join(under, " ") + ")"
			}
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

// The states of the catalogue of checks: the record or records at _dmarc of each name.
func TestExamples(t *testing.T) {
	const mailHost = "example.com. MX 10 mx.example.com.\nmx.example.com. A 5.6.7.8\nvendor.example. MX 10 mx.vendor.example.\nmx.vendor.example. A 5.6.7.9\n"
	at := func(name string, texts ...string) string {
		var b strings.Builder
		for _, s := range texts {
			fmt.Fprintf(&b, "_dmarc.%s. TXT \"%s\"\n", name, strings.ReplaceAll(s, `"`, `\"`))
		}
		return b.String()
	}
	tests := []struct {
		name    string
		zone    string
		domain  dns.Name
		profile check.Profile
		want    []string
		policy  string // EP
		org     dns.Name
		legacy  string
		below   string // the policy for existing names below, where the catalogue says it
		pct     int    // the share of mail at old receivers, 0 for all
	}{
		{name: "1", zone: at("example.com", "v=DMARC1; p=reject; rua=mailto:d@example.com"), policy: "reject", org: "example.com", legacy: "reject"},
		{name: "2", zone: at("example.com", "v=DMARC1; p=none"), policy: "none", legacy: "none",
			want: []string{"np-advice notice", "policy-none-no-rua error (rua-missing)"}},
		{name: "3", zone: at("example.com", "v=DMARC1; p=reject", "v=DMARC1; p=none"),
			want: []string{"multiple-records error (missing)"}},
		{name: "4", domain: "mail.example.com", policy: "none", legacy: "", org: "example.com",
			zone: at("mail.example.com", "v=DMARC1; p=reject", "v=DMARC1; p=none") + at("example.com", "v=DMARC1; p=none; rua=mailto:d@example.com") + "mail.example.com. A 5.6.7.8\n",
			want: []string{"multiple-records error (7489-divergence)", "np-advice notice", "policy-none warning"}},
		{name: "5", zone: at("example.com", "v=DMARC1; p=reject; sp=quarentine"),
			want: []string{"rua-missing warning", "sp-invalid error"}},
		{name: "6", zone: at("example.com", "v=DMARC1; p=reject; sp=quarentine; rua=mailto:d@example.com"), policy: "none", legacy: "none",
			want: []string{"sp-invalid error"}},
		{name: "7", zone: at("example.com", "v=DMARC1; rua=mailto:d@example.com"), policy: "none", legacy: "none",
			want: []string{"p-missing warning (np-advice policy-none)"}},
		{name: "8", zone: at("example.com", "v=DMARC1;"),
			want: []string{"bare-version error (np-advice p-missing rua-missing)"}},
		{name: "9", zone: at("example.com", "v=DMARC1; p=reject; pct=20; rua=mailto:d@example.com"), policy: "reject", legacy: "reject", pct: 20,
			want: []string{"pct warning (7489-divergence)"}},
		{name: "10", zone: at("example.com", "v=DMARC1; p=quarantine; t=y; rua=mailto:d@example.com"), policy: "none", legacy: "quarantine",
			want: []string{"np-advice notice", "test-mode warning (7489-divergence)"}},
		{name: "11", zone: at("example.com", "v=DMARC1; p=none; sp=reject; t=y; rua=mailto:d@example.com"), policy: "none", legacy: "none", below: "quarantine",
			want: []string{"policy-none warning", "test-mode warning (7489-divergence)"}},
		{name: "12", zone: at("example.com", "v=DMARC1; p=reject; sp=none; rua=mailto:d@example.com"), policy: "reject", legacy: "reject",
			want: []string{"np-inherits-weak warning", "sp-weaker warning"}},
		{name: "13", domain: "ghost.example.com", zone: at("example.com", "v=DMARC1; p=reject; sp=none; np=quarantine; rua=mailto:d@example.com"), policy: "quarantine", legacy: "none",
			want: []string{"np-weaker warning", "sp-weaker warning"}},
		{name: "14", domain: "mail.example.com", policy: "none", legacy: "none",
			zone: at("example.com", "v=DMARC1; p=reject; sp=none; np=quarantine; rua=mailto:d@example.com") + "mail.example.com. MX 10 mx.example.com.\n",
			want: []string{"np-weaker warning", "policy-none warning (sp-weaker)"}},
		{name: "15", zone: at("example.com", "v=dmarc1; p=reject"), want: []string{"near-miss error (missing)"}},
		{name: "16", zone: at("example.com", "v=DMARC1 p=reject; rua=mailto:d@example.com"), want: []string{"version-semicolon-missing error (missing)"}},
		{name: "17", zone: at("example.com", "v = DMARC1 ; p = reject ; rua = mailto:d@example.com"), policy: "reject", legacy: "reject",
			want: []string{"whitespace-style notice"}},
		{name: "18", zone: at("example.com", "v=DMARC1; p=reject; rua=d@example.com"), policy: "reject", legacy: "reject",
			want: []string{"uri-no-scheme error (rua-missing)"}},
		{name: "19", zone: at("example.com", "v=DMARC1; p=reject; rua=mailto:a@example.com; mailto:b@example.com"), policy: "reject", legacy: "reject",
			want: []string{"uri-list-separator error"}},
		{name: "20", zone: at("example.com", "v=DMARC1; p=reject; rua=mailto:x@vendor.example"), policy: "reject", legacy: "reject",
			want: []string{"external-unauthorized error"}},
		{name: "21", policy: "reject", legacy: "reject",
			zone: at("example.com", "v=DMARC1; p=reject; rua=mailto:x@vendor.example") +
				"example.com._report._dmarc.vendor.example. TXT \"v=DMARC1\"\nexample.com._report._dmarc.vendor.example. TXT \"hello\"\n"},
		{name: "22", policy: "reject", legacy: "reject",
			zone: at("example.com", "v=DMARC1; p=reject; rua=mailto:x@reports.example.com") + "reports.example.com. MX 10 mx.example.com.\n"},
		{name: "23", domain: "a.b.c.d.e.f.g.example.com", policy: "none", legacy: "none", org: "example.com",
			zone: at("b.c.d.e.f.g.example.com", "v=DMARC1; psd=n; p=reject; rua=mailto:d@example.com") + at("example.com", "v=DMARC1; p=none; rua=mailto:d@example.com") + "a.b.c.d.e.f.g.example.com. A 5.6.7.8\n",
			want: []string{"deep-name warning", "np-advice notice", "policy-none warning"}},
		{name: "24", domain: "giant.bank.example", policy: "quarantine", legacy: "quarantine", org: "giant.bank.example",
			zone: at("giant.bank.example", "v=DMARC1; p=quarantine; rua=mailto:d@giant.bank.example") + at("bank.example", "v=DMARC1; p=reject; psd=y; rua=mailto:d@bank.example") + "giant.bank.example. MX 10 mx.example.com.\n",
			want: []string{"np-advice notice"}},
		{name: "25", domain: "www.example.com.br", policy: "none", legacy: "reject", org: "com.br",
			zone: at("example.com.br", "v=DMARC1; p=reject; rua=mailto:d@example.com.br") + at("com.br", "v=DMARC1; p=none") + "www.example.com.br. A 5.6.7.8\nexample.com.br. MX 10 mx.example.com.\n",
			want: []string{"parent-record-no-psd warning (7489-divergence np-advice policy-none-no-rua rua-missing)"}},
		{name: "26", policy: "reject", legacy: "reject", zone: at("example.com", "v=DMARC1; p=reject; fo=1; adkim=x; rua=mailto:d@example.com!10m"),
			want: []string{"adkim-invalid warning", "fo-without-ruf notice", "uri-size-limit notice"}},
		{name: "27", policy: "reject", legacy: "reject", zone: at("example.com", "v=DMARC1; p=reject; rua=mailto:d@example.com")}, // the row's finding is package audit's
		{name: "28", profile: check.ProfileParked, policy: "reject", legacy: "reject",
			zone: "_dmarc.example.com. CNAME reject.park.example.\nreject.park.example. TXT \"v=DMARC1; p=reject; rua=mailto:d@park.example\"\n" +
				"park.example. MX 10 mx.example.com.\nexample.com._report._dmarc.park.example. TXT \"v=DMARC1\"\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.domain == "" {
				tt.domain = "example.com"
			}
			if tt.profile == "" {
				tt.profile = check.ProfileMail
			}
			if tt.want == nil {
				tt.want = []string{}
			}
			f := gather(t, tt.zone+mailHost, tt.domain, tt.profile)
			if diff := gocmp.Diff(tt.want, findings(f)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if f.Effective.Domain.Policy != tt.policy {
				t.Errorf("effective policy: got %q, want %q", f.Effective.Domain.Policy, tt.policy)
			}
			if f.RFC7489.Policy != tt.legacy {
				t.Errorf("policy under RFC 7489: got %q, want %q", f.RFC7489.Policy, tt.legacy)
			}
			if tt.below != "" && f.Effective.Subdomain.Policy != tt.below {
				t.Errorf("policy below: got %q, want %q", f.Effective.Subdomain.Policy, tt.below)
			}
			if want := cmp.Or(tt.pct, 100); f.RFC7489.Pct != want {
				t.Errorf("share under RFC 7489: got %d, want %d", f.RFC7489.Pct, want)
			}
			if tt.org != "" && f.OrganizationalDomain != tt.org {
				t.Errorf("organizational domain: got %q, want %q", f.OrganizationalDomain, tt.org)
			}
		})
	}
}

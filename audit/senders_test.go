package audit

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// TestSenderTable holds the table to being dated, linked and worded.
func TestSenderTable(t *testing.T) {
	if _, err := time.Parse(time.DateOnly, sendersRead); err != nil {
		t.Error(err)
	}
	for _, p := range senderTable {
		if u, err := url.Parse(p.url); err != nil || u.Scheme != "https" || p.title == "" {
			t.Errorf("%s: no page (%q, %v)", p.id, p.url, err)
		}
		seen := map[string]bool{}
		for _, q := range p.requirements {
			if seen[q.id] {
				t.Errorf("%s asks for %s twice", p.id, q.id)
			}
			seen[q.id] = true
			_, day := time.Parse(time.DateOnly, q.since)
			if _, month := time.Parse("2006-01", q.since); day != nil && month != nil {
				t.Errorf("%s %s: %q is no date", p.id, q.id, q.since)
			}
			ids := []string{"senders.requirement." + q.id, "senders.scope." + p.id, "senders.enforcement." + p.id}
			if q.judge == nil {
				ids = append(ids, "senders.where."+q.id)
			}
			for _, lang := range locale.Langs {
				for _, id := range ids {
					if _, ok := locale.Must(lang).Lookup(id, nil); !ok {
						t.Errorf("%s lacks %s", lang, id)
					}
				}
			}
		}
	}
	for _, p := range PolicyProfiles() {
		if _, err := time.Parse(time.DateOnly, p.Date); err != nil || !strings.HasPrefix(p.URL, "https://") || !strings.HasPrefix(p.RUA, "mailto:") {
			t.Errorf("policy %q is not complete: %+v (%v)", p.ID, p, err)
		}
	}
}

// TestSenderRequirements: what DNS shows of the requirements in several states
// of a domain.
func TestSenderRequirements(t *testing.T) {
	const (
		base = "example.com. MX 10 mx.example.com.\nmx.example.com. A 5.6.7.8\n"
		spf  = `example.com. TXT "v=spf1 mx -all"` + "\n"
		key  = `s1._domainkey.example.com. TXT "v=DKIM1; k=ed25519; p=vGkOBTozmgIkoBEWhDAfwsIln62vQtQwI2SkHqxyETs="` + "\n"
		odd  = `unguessable20261123._domainkey.example.com. TXT "v=DKIM1; p="` + "\n"
		none = `_dmarc.example.com. TXT "v=DMARC1; p=none"` + "\n"
	)
	tests := []struct {
		name, zone string
		profile    check.Profile
		want       map[string]string // of Google's, Yahoo's and Microsoft's alike
		rules      map[string]string
	}{
		{name: "all in place", zone: base + spf + key + none,
			want: map[string]string{"spf-or-dkim": "pass", "spf": "pass", "dkim": "pass", "dmarc": "pass", "alignment": "not-visible"}},
		{name: "nothing", zone: base,
			want:  map[string]string{"spf-or-dkim": "fail", "spf": "fail", "dkim": "fail", "dmarc": "fail", "alignment": "fail"},
			rules: map[string]string{"spf": "spf-missing", "dmarc": "dmarc-missing"}},
		{name: "no selector known", zone: base + spf + odd + none,
			want: map[string]string{"spf-or-dkim": "pass", "spf": "pass", "dkim": "unknown", "dmarc": "pass", "alignment": "not-visible"}},
		{name: "SPF broken, no selector known", zone: base + `example.com. TXT "v=spf1 foo:bar -all"` + "\n" + odd + none,
			want:  map[string]string{"spf-or-dkim": "unknown", "spf": "fail", "dkim": "unknown", "dmarc": "pass", "alignment": "not-visible"},
			rules: map[string]string{"spf": "spf-unknown-mechanism"}},
		{name: "the record at the wrong name", zone: base + spf + key + `dmarc.example.com. TXT "v=DMARC1; p=none"`,
			want:  map[string]string{"spf-or-dkim": "pass", "spf": "pass", "dkim": "pass", "dmarc": "fail", "alignment": "not-visible"},
			rules: map[string]string{"dmarc": "dmarc-wrong-name"}},
		{name: "a policy tag voids the record", zone: base + spf + key + `_dmarc.example.com. TXT "v=DMARC1; p=reject; sp=rejct"`,
			want:  map[string]string{"spf-or-dkim": "pass", "spf": "pass", "dkim": "pass", "dmarc": "fail", "alignment": "not-visible"},
			rules: map[string]string{"dmarc": "dmarc-sp-invalid"}},
		{name: "look-ups failed", zone: base + "example.com. TXT ; !timeout\n_dmarc.example.com. TXT ; !servfail\n" + key,
			want: map[string]string{"spf-or-dkim": "pass", "spf": "unknown", "dkim": "pass", "dmarc": "unknown", "alignment": "not-visible"}},
		{name: "no sender", zone: base + spf, profile: check.ProfileReceiveOnly},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &Auditor{Resolver: dnstest.New(t, tt.zone), Now: testNow, NoSMTP: "disabled"}
			if tt.want != nil { // the mail host is also the sender, and has no reverse name
				tt.want["ptr"] = "fail"
				if tt.want["spf"] == "fail" { // no record that counts: no sender is known
					tt.want["ptr"] = "not-visible"
				}
				if tt.want["spf"] == "unknown" { // who else sends could not be told, what the look-up of the host's name says could
					tt.want["ptr"] = "unknown"
				}
			}
			req := Request{Domain: "example.com", Profile: tt.profile, ProfileSource: "flag"}
			if strings.Contains(tt.zone, "s1._domainkey") {
				req.Selectors = []string{"s1"}
			}
			out, err := a.Audit(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			list := senderRequirements(out.Facts, out.Results, locale.Must(locale.English))
			if tt.want == nil {
				if len(list) > 0 {
					t.Errorf("got %d providers for a domain that sends no mail", len(list))
				}
				return
			}
			if len(list) != 3 {
				t.Fatalf("got %d providers, want 3", len(list))
			}
			for _, p := range list {
				got, want := map[string]string{}, map[string]string{}
				for _, q := range p.Requirements {
					if s, judged := tt.want[q.ID]; judged {
						got[q.ID], want[q.ID] = q.Status, s
					} else if q.Status != "not-visible" {
						t.Errorf("%s %s is %q, and DNS cannot show it", p.ID, q.ID, q.Status)
					}
					complete(t, p.ID, &q)
					if rule := tt.rules[q.ID]; rule != "" && q.Rule != rule {
						t.Errorf("%s %s is explained by %q, want %q", p.ID, q.ID, q.Rule, rule)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", p.ID, diff)
				}
			}
		})
	}
}

// complete holds a requirement to saying why, unless it is met.
func complete(t *testing.T, provider string, q *report.SenderRequirement) {
	t.Helper()
	if (q.Detail == "") != (q.Status == "pass") || strings.HasPrefix(q.Detail, "[") || strings.HasPrefix(q.Title, "[") {
		t.Errorf("%s %s (%s): title %q, detail %q", provider, q.ID, q.Status, q.Title, q.Detail)
	}
	if (q.Rule == "") == (q.Status == "fail") {
		t.Errorf("%s %s is %s with the rule %q", provider, q.ID, q.Status, q.Rule)
	}
}

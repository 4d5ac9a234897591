package dmarc

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// found is what a walk came to.
type found struct {
	Org       dns.Name
	OrgReason string
	Policy    string
	Reason    string
	Steps     int
}

// Corners of the discovery text, one by one.
func TestDiscovery(t *testing.T) {
	txt := func(name, text string) string { return "_dmarc." + name + ". TXT \"" + text + "\"\n" }
	tests := []struct {
		name, zone string
		start      dns.Name
		want       found
	}{
		{"psd=y at the start stops, and the start is the organization (rule 2 is for other names)", txt("bank.example", "v=DMARC1; p=reject; psd=y") + txt("example", "v=DMARC1; p=none"), "bank.example",
			found{"bank.example", OrgFewest, "bank.example", PolicyOwn, 1}},
		{"psd=n at the start stops", txt("shop.example.com", "v=DMARC1; p=none; psd=n") + txt("example.com", "v=DMARC1; p=reject"), "shop.example.com",
			found{"shop.example.com", OrgPSDN, "shop.example.com", PolicyOwn, 1}},
		{"psd=n in between: what lies above is not asked for", txt("b.example.com", "v=DMARC1; p=none; psd=n") + txt("com", "v=DMARC1; p=reject"), "a.b.example.com",
			found{"b.example.com", OrgPSDN, "b.example.com", PolicyOrganizational, 2}},
		{"psd=u does not stop, nor does a psd nobody knows", txt("a.example.com", "v=DMARC1; p=none; psd=u") + txt("example.com", "v=DMARC1; p=reject; psd=maybe"), "a.example.com",
			found{"example.com", OrgFewest, "a.example.com", PolicyOwn, 3}},
		{"psd is read without regard to case", txt("example.com", "v=DMARC1; p=none; psd=N") + txt("com", "v=DMARC1; p=reject"), "a.example.com",
			found{"example.com", OrgPSDN, "example.com", PolicyOrganizational, 2}},
		{"the public suffix's record only where the organization has none", txt("bank", "v=DMARC1; p=reject; psd=y"), "mail.shop.bank",
			found{"shop.bank", OrgPSDY, "bank", PolicyPSD, 3}},
		{"the organization's wins over the public suffix's", txt("shop.bank", "v=DMARC1; p=none") + txt("bank", "v=DMARC1; p=reject; psd=y"), "mail.shop.bank",
			found{"shop.bank", OrgPSDY, "shop.bank", PolicyOrganizational, 3}},
		{"a record between the start and the organization is not the policy", txt("b.shop.bank", "v=DMARC1; p=none") + txt("bank", "v=DMARC1; p=reject; psd=y"), "a.b.shop.bank",
			found{"shop.bank", OrgPSDY, "bank", PolicyPSD, 4}},
		{"the name below psd=y, though the jump skipped it", txt("c.d.e.f.g.example.com", "v=DMARC1; p=reject; psd=y"), "x.a.b.c.d.e.f.g.example.com",
			found{"b.c.d.e.f.g.example.com", OrgPSDY, "c.d.e.f.g.example.com", PolicyPSD, 2}},
		{"the top-level domain is asked, and without psd it is the organization", txt("com", "v=DMARC1; p=none") + txt("example.com", "v=DMARC1; p=reject"), "www.example.com",
			found{"com", OrgFewest, "com", PolicyOrganizational, 3}},
		{"a walk from a top-level domain", txt("com", "v=DMARC1; p=reject"), "com",
			found{"com", OrgFewest, "com", PolicyOwn, 1}},
		{"nothing at all", "", "www.example.com", found{"www.example.com", OrgNoRecord, "", PolicyNone, 3}},
		{"several records with psd=n do not stop", txt("example.com", "v=DMARC1; p=none; psd=n") + txt("example.com", "v=DMARC1; p=reject; psd=n") + txt("com", "v=DMARC1; p=none; psd=y"), "a.example.com",
			found{"example.com", OrgPSDY, "com", PolicyPSD, 3}},
		{"other texts beside one record do not count", txt("example.com", "v=DMARC1; p=none") + txt("example.com", "v=spf1 -all") + txt("example.com", "v=DMARC1p=reject"), "example.com",
			found{"example.com", OrgFewest, "example.com", PolicyOwn, 2}},
		{"a record that means nothing still counts for the organization", txt("example.com", "v=DMARC1"), "a.example.com",
			found{"example.com", OrgFewest, "example.com", PolicyOrganizational, 3}},
		{"a CNAME at _dmarc is followed, and the name stays the domain's", "_dmarc.example.com. CNAME policy.vendor.example.\npolicy.vendor.example. TXT \"v=DMARC1; p=reject; psd=n\"\n", "www.example.com",
			found{"example.com", OrgPSDN, "example.com", PolicyOrganizational, 2}},
		{"a CNAME to several records is several records", "_dmarc.example.com. CNAME policy.vendor.example.\npolicy.vendor.example. TXT \"v=DMARC1; p=reject\"\npolicy.vendor.example. TXT \"v=DMARC1; p=none\"\n", "example.com",
			found{"example.com", OrgNoRecord, "", PolicyNone, 2}},
		{"a CNAME that leads nowhere is no record", "_dmarc.www.example.com. CNAME gone.vendor.example.\n" + txt("example.com", "v=DMARC1; p=reject"), "www.example.com",
			found{"example.com", OrgFewest, "example.com", PolicyOrganizational, 3}},
		{"a CNAME to a name whose server fails is a failed step", "_dmarc.www.example.com. CNAME policy.vendor.example.\npolicy.vendor.example. TXT ; !servfail\n" + txt("example.com", "v=DMARC1; p=reject"), "www.example.com",
			found{"", OrgUnknown, "", PolicyUnknown, 3}},
		{"a wildcard makes every name's record its own", "*.example.com. TXT \"v=DMARC1; p=none\"\n" + txt("example.com", "v=DMARC1; p=reject"), "shop.example.com",
			found{"example.com", OrgFewest, "shop.example.com", PolicyOwn, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Walk(context.Background(), dnstest.New(t, tt.zone), tt.start)
			got := found{d.OrganizationalDomain, d.OrgReason, policyAt(d), d.policyReason(), len(d.Steps)}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A name of which _dmarc would be too long has no record, and the walk goes on.
func TestDiscoveryTooLong(t *testing.T) {
	long := dns.Name("")
	for range 4 {
		long += "a23456789012345678901234567890123456789012345678901234567."
	}
	long += "example.com" // 4*58+11 octets; _dmarc. is seven more
	for long.Check() == nil && long.Child("_dmarc").Check() == nil {
		long = "a" + long
	}
	d := Walk(context.Background(), dnstest.New(t, "_dmarc.example.com. TXT \"v=DMARC1; p=reject\"\n"), long)
	if d.Steps[0].Code != StepTooLong || policyAt(d) != "example.com" || !d.Known {
		t.Errorf("got %s, policy at %q", d.Steps[0].Code, policyAt(d))
	}
}

// Examine tells where the two standards part.
func TestExamine(t *testing.T) {
	zone := "_dmarc.example.com.br. TXT \"v=DMARC1; p=reject\"\n_dmarc.com.br. TXT \"v=DMARC1; p=none\"\nwww.example.com.br. A 192.0.2.1\n"
	tr := Examine(context.Background(), dnstest.New(t, zone), "www.example.com.br", []dns.Name{"example.com.br", "ghost.example.com.br"})
	if diff := cmp.Diff([]string{DiffersOrganization, DiffersDomain, DiffersSubdomain, DiffersNonexistent}, tr.Differs); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
	if tr.OrganizationalDomain != "com.br" || tr.RFC7489.OrganizationalDomain != "example.com.br" || tr.RFC7489.Policy != "reject" {
		t.Errorf("got %+v", tr)
	}
	if len(tr.Names) != 2 || tr.Names[0].Policy.Policy != "reject" || tr.Names[0].PolicyReason != PolicyOwn ||
		tr.Names[1].Policy.Policy != "none" || tr.Names[1].RFC7489.Policy != "reject" || tr.Names[1].Exists != dns.StateNXDomain {
		t.Errorf("names: got %+v", tr.Names)
	}
	tr = Examine(context.Background(), dnstest.New(t, "_dmarc.example.com. TXT \"v=DMARC1; p=reject; pct=50\"\n"), "example.com", nil)
	if diff := cmp.Diff([]string{DiffersDomain}, tr.Differs); diff != "" {
		t.Errorf("pct: differs (-want +got):\n%s", diff)
	}
	// Below a public suffix the older standard knows no policy but a name's own.
	tr = Examine(context.Background(), dnstest.New(t, "_dmarc.co.uk. TXT \"v=DMARC1; p=reject; psd=y\"\n"), "co.uk", nil)
	if tr.Effective.Subdomain.Policy != "reject" || tr.RFC7489.Subdomain != "" || !tr.RFC7489.SubdomainKnown {
		t.Errorf("co.uk: got %+v and %+v", tr.Effective.Subdomain, tr.RFC7489)
	}
}

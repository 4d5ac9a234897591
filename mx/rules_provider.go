package mx

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/provider"
)

// providerRules look at whose the mail hosts are.
var providerRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "mx-provider-mixed", Standard: check.MX, Severity: check.Warning,
			Title:    "the mail hosts belong to different mailbox providers",
			Variants: []check.Variant{{Name: "gateway", Severity: check.Notice}},
			Refs:     []check.Ref{check.RFC(5321, "5.1")},
			Doc: `Senders take any of the hosts that they can reach, so a part of the mail lands at each of the providers. Most often one
is left over from a move: mail that arrives there is never read, or is refused because the mailbox is gone. Preferences do not help,
because spammers try the last host first and others take it while the first one is busy.

Where one of them filters mail and another keeps the mailboxes, mail that goes to the mailboxes directly goes around the filter.

**Fix:** remove the hosts of the provider that you left; behind a filter, list only the hosts of the filter.

Before:

    example.com.  MX  1   smtp.google.com.
    example.com.  MX  20  example-com.mail.protection.outlook.com.

After:

    example.com.  MX  1   smtp.google.com.`,
		},
		Applies: namesHosts,
		Run: withHosts(func(f *Facts, r *check.Reporter) {
			var mailbox, gateway []string
			add := func(list *[]string, name string) {
				if !slices.Contains(*list, name) {
					*list = append(*list, name)
				}
			}
			for _, h := range f.Hosts {
				if isVerificationToken(h.Name) {
					continue
				}
				switch p := provider.ByMX(h.Name); {
				case p == nil:
				// Amazon's hosts, say, take mail in for other ends, too: where not
				// even a customer's SPF include is known, the name tells too little.
				case p.Kind == provider.Mailbox && p.Include != "":
					add(&mailbox, p.Name)
				case p.Kind == provider.Gateway:
					add(&gateway, p.Name)
				}
			}
			find := check.Finding{Subject: f.Domain.String(), Params: check.Params{
				"Domain": f.Domain.String(), "Providers": strings.Join(mailbox, ", "), "Gateways": strings.Join(gateway, ", ")}}
			switch {
			case len(mailbox) > 1:
				r.Report(find)
			case len(mailbox) == 1 && len(gateway) > 0:
				find.Variant = "gateway"
				r.Report(find)
			}
		}),
	},
}

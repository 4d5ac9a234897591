package zone

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Wildcard is what a name below the domain answers that nobody made.
type Wildcard struct {
	Name dns.Name   `json:"name"`
	Mail dns.Lookup `json:"mail"` // MX of the domain itself
	MX   dns.Lookup `json:"mx"`
	TXT  dns.Lookup `json:"txt"`
}

// gatherWildcard asks about such a name. Somebody has often asked below one
// already: where that does not exist no wildcard does (RFC 4592 §3.3.1), and
// nothing needs to be asked again.
func (f *Facts) gatherWildcard(ctx context.Context, r dns.Resolver, below func(context.Context) dns.Lookup) {
	w := &f.Wildcard
	probe := below(ctx)
	w.Name = probe.Name.Parent()
	if !probe.Asked() || w.Name.Parent() != f.Domain {
		w.Name = ""
		return
	}
	w.MX, w.TXT = dns.Lookup{Name: w.Name, Type: dns.TypeMX}, dns.Lookup{Name: w.Name, Type: dns.TypeTXT}
	if probe.State == dns.StateNXDomain && len(probe.Answer.Chain) == 0 {
		for _, l := range []*dns.Lookup{&w.MX, &w.TXT} {
			l.State, l.Answer = dns.StateNXDomain, probe.Answer
		}
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { w.Mail = dns.Ask(ctx, r, f.Domain, dns.TypeMX) })
	wg.Go(func() { w.MX = dns.Ask(ctx, r, w.Name, dns.TypeMX) })
	wg.Go(func() { w.TXT = dns.Ask(ctx, r, w.Name, dns.TypeTXT) })
	wg.Wait()
}

// wildcardRules judge what every name below the domain answers.
var wildcardRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "mx-wildcard", Standard: check.MX, Severity: check.Notice,
			Title: "every name below the domain takes mail",
			Refs:  []check.Ref{check.RFC(4592, "")},
			Doc: `A wildcard gives each name below the domain the domain's own mail hosts. Mail to a mistyped name is accepted or bounced
by your hosts instead of failing at once with its sender, spammers make up names without end, and a null MX or a policy of its own has to
be published for each name that should take none.

**Fix:** publish MX at the names that have mailboxes and delete the wildcard, if it is not meant.

Before:

    *.example.com.      MX  10 mx1.example.com.

After:

    sales.example.com.  MX  10 mx1.example.com.`,
		},
		Applies: probed,
		Run: func(f *Facts, r *check.Reporter) {
			w := &f.Wildcard
			switch {
			case w.MX.Unknown():
				r.Unknown(w.MX.Error)
			case !w.MX.Found():
			case w.Mail.Unknown():
				r.Unknown(w.Mail.Error)
			case hosts(&w.Mail) != "" && hosts(&w.MX) == hosts(&w.Mail):
				star := f.Domain.Child("*").String()
				r.Report(check.Finding{Subject: star, Scope: f.Domain.String(), Params: check.Params{"Name": star, "Domain": f.Domain.String(), "Hosts": hosts(&w.MX)}})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "dns-txt-wildcard", Standard: check.MX, Severity: check.Notice,
			Title:    "every name below the domain answers with text",
			Variants: []check.Variant{{Name: "spf", Severity: check.Info}},
			Refs:     []check.Ref{check.RFC(4592, "")},
			Doc: `A wildcard TXT record answers for each name that has no record of its own, the names of policies included: who asks for
_mta-sts or a DKIM selector below a name gets foreign text. Programs that follow the standards skip it; others, and people, take it for a
broken record. A wildcard that says "v=spf1 -all" is a fact only: it closes names that send nothing.

**Fix:** publish the text at the name that needs it and delete the wildcard.

Before:

    *.example.com.  TXT  "site-verification=12345"

After:

    example.com.    TXT  "site-verification=12345"`,
		},
		Applies: probed,
		Run: func(f *Facts, r *check.Reporter) {
			l := &f.Wildcard.TXT
			if l.Unknown() {
				r.Unknown(l.Error)
				return
			}
			var texts []string
			spf := true
			for _, rec := range l.Records() {
				text := rec.Text()
				spf = spf && strings.HasPrefix(strings.ToLower(text), "v=spf1")
				texts = append(texts, text)
			}
			if len(texts) == 0 {
				return
			}
			slices.Sort(texts)
			star := f.Domain.Child("*").String()
			find := check.Finding{Subject: star, Scope: f.Domain.String(), Record: texts[0], Params: check.Params{"Name": star, "Text": clip(texts[0]), "Count": len(texts)}}
			if spf {
				find.Variant = "spf"
			}
			r.Report(find)
		},
	},
}

func probed(f *Facts) bool { return f.Wildcard.Name != "" }

// hosts are the hosts of MX records in one order, "" for none and for a null MX.
func hosts(l *dns.Lookup) string {
	var list []string
	for _, rec := range l.Records() {
		if rec.Host != dns.Root && rec.Host != "" {
			list = append(list, rec.Host.String())
		}
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}

// clip keeps a text that stands in a sentence short.
func clip(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}

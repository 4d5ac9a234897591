package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/publish"
)

// genFormat is one way to write records down.
type genFormat struct {
	name  string
	write func(io.Writer, *publish.Set) error
	live  bool // it needs to know what DNS has at the names now
}

var genFormats = []genFormat{
	{name: "zone", write: publish.Zone},
	{name: "plain", write: publish.Plain},
	{name: "json", write: publish.JSON},
	{name: "route53", write: publish.Route53, live: true},
	{name: "cloudflare", write: publish.Cloudflare},
	{name: "octodns", write: publish.OctoDNS, live: true},
	{name: "dnscontrol", write: publish.DNSControl},
	{name: "nsupdate", write: publish.NSUpdate, live: true},
}

// formats are those of the command.
func (g *genFlags) formats() []genFormat { return slices.Concat(genFormats, g.more) }

func (g *genFlags) formatNames() []string {
	var names []string
	for _, f := range g.formats() {
		names = append(names, f.name)
	}
	return names
}

func (g *genFlags) addFormat(cmd *cobra.Command) {
	what := "write the records as `FORMAT`: zone, plain (for a provider's web form), json, route53 and cloudflare (Terraform), octodns, dnscontrol or nsupdate"
	for _, f := range g.more {
		what += ", " + f.name
	}
	fl := cmd.Flags()
	fl.StringVar(&g.format, "format", "zone", what)
	fl.BoolVar(&g.send, "with-send", false, "nsupdate: end with 'send', not only with 'show'")
	complete(cmd, "format", g.formatNames()...)
}

func (g *genFlags) findFormat() (genFormat, error) {
	list := g.formats()
	i := slices.IndexFunc(list, func(f genFormat) bool { return f.name == g.format })
	switch {
	case i < 0:
		return genFormat{}, usage("unknown format %q (one of %s)", g.format, strings.Join(g.formatNames(), ", "))
	case g.send && g.format != "nsupdate":
		return genFormat{}, usage("--with-send is for --format nsupdate")
	}
	return list[i], nil
}

// see learns for the formats that need it what DNS has at the names now, and
// which zone holds them. What cannot be told stays unknown, and the format says so.
func (g *generation) see(ctx context.Context, r dns.Resolver) {
	if !g.format.live {
		return
	}
	if l := dns.AskAuthority(ctx, r, g.domain); l.Found() {
		soa := l.Records()[0]
		g.set.Apex = soa.Name.FQDN()
		if m := soa.SOA.MName; m != dns.Root {
			g.set.Primary = m.FQDN()
		}
	}
	for i := range g.set.Records {
		rec := &g.set.Records[i]
		name := dns.FromPresentation(rec.Name)
		if rec.Type != "TXT" || !name.IsUnder(g.domain) {
			continue
		}
		l := dns.Ask(ctx, r, name, dns.TypeTXT)
		if l.Unknown() || len(l.Answer.Chain) > 0 {
			continue
		}
		rec.Live = []string{}
		// What a wildcard says of every selector is not there any more once the
		// selector has a record of its own (RFC 4592 §2.2.1).
		if selector, ok := strings.CutSuffix(name.String(), "._domainkey."+g.domain.String()); ok {
			if slot := dkim.AskSlot(ctx, r, g.domain, selector); slot.Withdrawn {
				continue
			}
		}
		for _, have := range l.Records() {
			rec.Live = append(rec.Live, have.Text())
		}
	}
}

// seeWith is see for generators that ask DNS for nothing else.
func (g *generation) seeWith(ctx context.Context, net *netFlags) error {
	if !g.format.live {
		return nil
	}
	ctx, w, done, err := net.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	g.see(ctx, w.run)
	return ctx.Err()
}

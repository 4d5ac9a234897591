package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dane"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/publish"
)

// tlsaRequest is what the user gives to name.
type tlsaRequest struct {
	keys, next []string // files with a certificate or key
	whole      []string // certificates to name as they are
	cas        []string
	port       uint16
	domain     string
	unsignedOK bool
}

func newGenTLSACmd(s *streams) *cobra.Command {
	var (
		g   genFlags
		net netFlags
		r   tlsaRequest
	)
	cmd := &cobra.Command{
		Use:   "tlsa HOST",
		Short: "Make the TLSA records of a mail host (DANE)",
		Long: "The records name the public key of the certificate that HOST shows on port 25 ('3 1 1'), so that a renewal\n" +
			"with the same key changes nothing. --cert takes a certificate, a private or public key or a certificate\n" +
			"request, in PEM or DER; give the next key too, with --next, and publish both before the change: TLSA must\n" +
			"be in every cache before the certificate is (RFC 7671 §8). Private keys are only read, never shown.",
		Example: "  postseal generate tlsa mx1.example.com --cert tls/fullchain.pem\n" +
			"  postseal generate tlsa mx1.example.com --cert tls/fullchain.pem --next tls/next.key --domain example.com\n" +
			"  postseal generate tlsa mx1.example.com --ca tls/issuer.pem --offline --format nsupdate",
		Args: oneArg("host"),
		RunE: func(cmd *cobra.Command, args []string) error {
			gen, err := g.of(s, args[0])
			if err != nil {
				return err
			}
			domain := gen.domain
			if r.domain != "" {
				if domain, err = parseDomain(r.domain); err != nil {
					return usage("--domain: %w", err)
				}
				gen.set.Zone = domain.FQDN()
			}
			if r.port == 0 {
				return usage("--port must be between 1 and 65535")
			}
			records, err := r.records(gen)
			if err != nil {
				return err
			}
			ctx, w, done, err := net.begin(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			if err := gen.liveTLSA(ctx, w, domain, &r, records); err != nil {
				return err
			}
			for _, a := range records {
				gen.set.Records = append(gen.set.Records, publish.Record{
					Name: dane.Owner(gen.domain, r.port).FQDN(), Type: "TLSA", TTL: g.ttl, Value: a.String(), Strings: []string{},
					Source: "dane", Comment: gen.l.Text(fmt.Sprintf("gen.tlsa-%d%d", a.Usage, a.Selector), check.Params{"Host": gen.domain.String()}),
				})
			}
			gen.see(ctx, w.run)
			if cmd.Context().Err() != nil {
				return cmd.Context().Err()
			}
			return gen.finish()
		},
	}
	g.addAsking(cmd, &net)
	fl := cmd.Flags()
	fl.StringArrayVar(&r.keys, "cert", nil, "`FILE` with the certificate or key in use (repeatable: one for each type of key)")
	fl.StringArrayVar(&r.next, "next", nil, "`FILE` with the next certificate or key, to publish beforehand (repeatable)")
	fl.StringArrayVar(&r.whole, "whole-cert", nil, "`FILE` with a certificate to name as a whole, 3 0 1: changes with each renewal (repeatable)")
	fl.StringArrayVar(&r.cas, "ca", nil, "`FILE` with the certificate of a CA that the server sends, 2 1 1 (repeatable)")
	fl.Uint16Var(&r.port, "port", 25, "`PORT` of the service; senders of mail only know 25")
	fl.StringVar(&r.domain, "domain", "", "the `DOMAIN` whose mail HOST takes: it is then looked for among its MX")
	fl.BoolVar(&r.unsignedOK, "unsigned-ok", false, "make records although DNSSEC does not secure the host's zone yet")
	return cmd
}

// records reads the files. The same key twice is one record.
func (r *tlsaRequest) records(g *generation) ([]dane.Association, error) {
	var list []dane.Association
	for _, group := range []struct {
		flag  string
		files []string
		read  func([]byte) (dane.Association, error)
	}{
		{"--cert", r.keys, dane.FromKey}, {"--next", r.next, dane.FromKey},
		{"--whole-cert", r.whole, dane.FromCertificate}, {"--ca", r.cas, dane.FromCA},
	} {
		for _, path := range group.files {
			data, err := readSmall(path)
			if err != nil {
				return nil, usage("%s: %w", group.flag, err)
			}
			a, err := group.read(data)
			if p, ok := err.(*check.GenProblem); ok { //nolint:errorlint // it is returned bare
				return nil, g.refused(&check.GenProblem{ID: p.ID, Severity: p.Severity, Params: check.Params{"Path": path}})
			}
			if err != nil {
				return nil, usage("%s %s: %w", group.flag, path, err)
			}
			if !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	if len(list) == 0 {
		return nil, usage("give --cert with the certificate or key of the host, or --ca")
	}
	var found []check.GenProblem
	if len(r.whole) > 0 {
		found = append(found, check.GenProblem{ID: "gen-tlsa-whole", Severity: check.Warning})
	}
	if len(r.cas) > 0 {
		found = append(found, check.GenProblem{ID: "gen-tlsa-ca", Severity: check.Warning})
	}
	if len(r.next) == 0 && len(r.keys) > 0 {
		found = append(found, check.GenProblem{ID: "gen-tlsa-no-next", Severity: check.Notice})
	}
	return list, g.judge(found)
}

// maxPEM is more than any chain of certificates takes.
const maxPEM = 1 << 20

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if len(data) > maxPEM {
		return nil, fmt.Errorf("%s has more than %d octets", path, maxPEM)
	}
	return data, err
}

// liveTLSA asks whether the records can count: the host's zone must be signed.
func (g *generation) liveTLSA(ctx context.Context, w *world, domain dns.Name, r *tlsaRequest, records []dane.Association) error {
	var mx dns.Lookup
	if r.domain != "" {
		mx = dns.Ask(ctx, w.run, domain, dns.TypeMX)
	}
	f, err := dane.Gather(ctx, w.run, domain, mx, []dns.Name{g.domain})
	if err != nil {
		return err
	}
	found := f.Hosts[0].Live(f, records)
	for i := range found {
		p := &found[i]
		if c, ok := p.Params["Cause"].(check.Cause); ok {
			p.Params["Cause"] = g.l.Cause(c)
		}
		if p.ID == "gen-tlsa-unsigned" && r.unsignedOK {
			p.Severity = check.Warning
		}
	}
	if r.port != 25 {
		found = append(found, check.GenProblem{ID: "gen-tlsa-port", Severity: check.Notice, Params: check.Params{"Port": r.port}})
	}
	return g.judge(found)
}

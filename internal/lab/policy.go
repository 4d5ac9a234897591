package lab

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// policyHost is an MTA-STS policy host: https://mta-sts.<domain>/.well-known/mta-sts.txt
// (RFC 8461 §3.3).
type policyHost struct {
	domain   string
	policy   string // the file; "" answers 404
	cert     certKind
	mime     string // "" for text/plain
	redirect string // a URL that it sends clients to instead
}

const goodPolicy = "version: STSv1\nmode: enforce\nmx: mx.good.corner.example\nmax_age: 2419200\n"

// policyHosts are all of them. Those without a policy of their own in the
// zones are not listed and have no address either.
var policyHosts = []policyHost{
	{domain: "lighthouse.example", cert: certGood, policy: "version: STSv1\nmode: enforce\nmx: mx1.lighthouse.example\nmx: mx2.lighthouse.example\nmax_age: 2419200\n"},
	{domain: "cutter.example", cert: certGood, policy: "version: STSv1\nmode: enforce\nmx: mx1.cutter.example\nmax_age: 2419200\n"},
	{domain: "flotilla.example", cert: certGood, policy: "version: STSv1\nmode: enforce\nmx: *.flotilla.example\nmax_age: 2419200\n"},
	{domain: "rusty-gears.example", cert: certGood, policy: "version: STSv1\nmode: enforce\nmx: mx1.rusty-gears.example\nmx: mx2.rusty-gears.example\nmax_age: 604800\n"},
	{domain: "sts-missing.corner.example", cert: certGood},
	{domain: "sts-redirect.corner.example", cert: certGood, redirect: "https://www.corner.example/mta-sts.txt"},
	{domain: "sts-html.corner.example", cert: certGood, policy: "<!doctype html>\n<title>Welcome</title>\n", mime: "text/html; charset=utf-8"},
	{domain: "sts-type.corner.example", cert: certGood, policy: goodPolicy, mime: "application/octet-stream"},
	{domain: "sts-name.corner.example", cert: certWrongName, policy: goodPolicy},
	{domain: "sts-expired.corner.example", cert: certExpired, policy: goodPolicy},
}

func (h policyHost) host() string { return "mta-sts." + h.domain }

// startPolicies serves all policy hosts from one port, told apart by SNI and
// by the Host header.
func (l *Lab) startPolicies(ctx context.Context) error {
	certs := map[string]*tls.Certificate{}
	sites := map[string]policyHost{}
	var addrs []netip.Addr
	for _, h := range policyHosts {
		cert, err := l.ca.issue(h.host(), h.cert)
		if err != nil {
			return err
		}
		certs[h.host()], sites[h.host()] = &cert, h
		a, err := l.addresses(ctx, h.host())
		if err != nil {
			return err
		}
		addrs = append(addrs, a...)
	}
	ln, err := l.listen(ctx)
	if err != nil {
		return err
	}
	l.redirect(addrs, 443, ln)
	srv := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       idle,
		ErrorLog:          log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			l.stats.https.Add(1)
			host, _, _ := strings.Cut(r.Host, ":")
			sites[host].serve(w, r)
		}),
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12,
			GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				if c := certs[strings.ToLower(hello.ServerName)]; c != nil {
					return c, nil
				}
				return nil, fmt.Errorf("lab: no site %q", hello.ServerName)
			},
		},
	}
	g := newGate(ln, 0, func() {})
	l.wg.Go(func() { _ = srv.ServeTLS(g, "", "") })
	l.closers = append(l.closers, func() { _ = srv.Close(); g.Close() })
	return nil
}

func (h policyHost) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case h.redirect != "":
		http.Redirect(w, r, h.redirect, http.StatusMovedPermanently)
	case h.policy == "" || r.URL.Path != "/.well-known/mta-sts.txt":
		http.NotFound(w, r)
	default:
		mime := h.mime
		if mime == "" {
			mime = "text/plain"
		}
		w.Header().Set("Content-Type", mime)
		_, _ = io.WriteString(w, h.policy)
	}
}

package dns

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"
)

// https asks one server over HTTPS (RFC 8484).
type https struct {
	url    string
	client *http.Client
	sent   *atomic.Int64
}

const (
	dnsMessage = "application/dns-message" // RFC 8484 §6
	maxMessage = 65535
)

// newHTTPSServer is DNS over HTTPS. A host name is looked up by the system.
func newHTTPSServer(spec string, cfg *Config, sent *atomic.Int64) (transport, error) {
	u, _, err := parseURL(spec, "443")
	if err != nil {
		return nil, err
	}
	if u.Path == "" {
		u.Path = "/dns-query"
	}
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         cfg.dial,
		TLSClientConfig:     &tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16, // where the server speaks HTTP/1.1 only
		IdleConnTimeout:     time.Minute,
	}
	client := &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &https{url: u.String(), client: client, sent: sent}, nil
}

func (h *https) Close() { h.client.CloseIdleConnections() }

func (h *https) exchange(ctx context.Context, q query, try time.Duration) (*mdns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, streamTries*try)
	defer cancel()
	name := q.name.FQDN()
	out, err := q.pack(0, name, true) // RFC 8484 §4.1: ID 0, so that caches can serve it
	if err != nil {
		return nil, &Error{Kind: BadName, Detail: err.Error(), Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(out))
	if err != nil {
		return nil, netError(err)
	}
	req.Header.Set("Content-Type", dnsMessage)
	req.Header.Set("Accept", dnsMessage)
	q.count(h.sent)
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, netError(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxMessage+1))
	switch {
	case err != nil:
		return nil, netError(err)
	case resp.StatusCode != http.StatusOK:
		return nil, &Error{Kind: Network, Detail: fmt.Sprintf("HTTP status %d", resp.StatusCode)}
	case len(b) > maxMessage:
		return nil, &Error{Kind: Malformed, Detail: "a reply over 65535 octets"}
	}
	m := new(mdns.Msg)
	if err := m.Unpack(b); err != nil {
		return nil, &Error{Kind: Malformed, Detail: err.Error(), Err: err}
	}
	if q.match(m, name) == matchNone {
		return nil, &Error{Kind: Malformed, Detail: "the reply is for another question"}
	}
	return m, nil
}

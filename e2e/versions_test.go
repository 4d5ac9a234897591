//go:build e2e

package e2e

import (
	"encoding/json"
	"slices"
	"testing"
)

const oldTLSHost = "mx.oldtls.example"

// oldSession is what the test reads of a session's facts.
type oldSession struct {
	Port       int `json:"port"`
	Handshakes *struct {
		Stopped string `json:"stopped"`
		Tried   []struct {
			Kind   string `json:"kind"`
			Result string `json:"result"`
			Detail string `json:"detail"`
			Suite  string `json:"suite"`
		} `json:"tried"`
	} `json:"handshakes"`
}

// testVersions asks a Postfix that takes all that its OpenSSL still speaks for
// everything: old versions, weak suites, the certificate for old clients.
func (w *world) testVersions(t *testing.T) {
	before := len(w.sessions(t))
	r := w.audit(t, "--tls-versions", "deep", "--format", "json", "oldtls.example")
	doc := decode(t, r)
	if len(doc.Reports) != 1 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	verdicts := map[string]string{}
	for _, res := range doc.Reports[0].Results {
		verdicts[res.ID] = res.Status
		if res.Status == "fail" {
			verdicts[res.ID] = res.Severity
		}
	}
	for id, want := range map[string]string{
		"tls-1-0": "notice", "tls-1-1": "notice", "tls-sslv2": "pass", "tls-sslv3": "pass", "tls-1-3-missing": "pass",
		"tls-cipher-broken": "error", "tls-cipher-anon": "notice", "tls-cipher-weak": "pass", "tls-cipher-no-fs": "notice",
		"tls-cipher-cbc": "info", "tls-dh-short": "pass", "tls-curve-weak": "pass", "tls-sigalg-sha1": "notice",
		"tls-ems-missing": "pass", "tls-reneg-insecure": "pass", "tls-compression": "pass", "tls-0rtt": "pass",
		"tls-sni-strict": "pass", "tls-reneg-client": "pass", "cert-differs": "info", "cert-name": "pass",
	} {
		if verdicts[id] != want {
			t.Errorf("%s: got %s, want %s", id, verdicts[id], want)
		}
	}
	if seen := len(w.sessions(t)) - before; seen > 24 || seen < 12 {
		t.Errorf("Postfix saw %d sessions, want a dozen to 24", seen)
	}
	var full struct {
		Reports []struct {
			Facts struct {
				STARTTLS struct {
					Hosts []struct {
						Sessions []oldSession `json:"sessions"`
					} `json:"hosts"`
				} `json:"starttls"`
			} `json:"facts"`
		} `json:"reports"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &full); err != nil {
		t.Fatal(err)
	}
	sessions := full.Reports[0].Facts.STARTTLS.Hosts[0].Sessions
	h := sessions[slices.IndexFunc(sessions, func(s oldSession) bool { return s.Port == 25 })].Handshakes
	if h == nil || h.Stopped != "" {
		t.Fatalf("handshakes: %+v", h)
	}
	for _, tried := range h.Tried {
		t.Logf("%+v", tried)
	}
}

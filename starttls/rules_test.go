package starttls

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/ruletest"
)

// TestRules reads facts instead of a zone: no DNS shows what a server says.
// The facts section is Facts as JSON, where a session names only what differs
// from that of a good server on its port.
func TestRules(t *testing.T) {
	ruletest.Run(t, Rules, func(t *testing.T, c *ruletest.Case) *Facts {
		var in struct {
			NoHosts string    `json:"no_hosts"`
			Works   bool      `json:"port25_works"`
			IPv6    bool      `json:"ipv6_works"`
			Level   Level     `json:"tls_versions"`
			Hosts   []rawHost `json:"hosts"`
			Named   []rawHost `json:"named_hosts"`
		}
		if err := json.Unmarshal([]byte(c.Files["facts"]), &in); err != nil {
			t.Fatal(err)
		}
		f := &Facts{Domain: dns.Name(c.Domain()), Profile: c.Profile(), NoHosts: in.NoHosts, Level: in.Level, Hosts: []*Host{}}
		for i, h := range append(in.Hosts, in.Named...) {
			host := &Host{Name: h.Host, Owner: h.Owner, Ports: h.Ports}
			for _, raw := range h.Sessions {
				var head struct {
					Port   uint16 `json:"port"`
					Status string `json:"status"`
				}
				if err := json.Unmarshal(raw, &head); err != nil {
					t.Fatal(err)
				}
				s := good(h.Host, head.Port)
				if head.Status != "" && head.Status != "ok" {
					s = newSession(s.Target)
				}
				if err := json.Unmarshal(raw, s); err != nil {
					t.Fatal(err)
				}
				host.Sessions = append(host.Sessions, s)
			}
			if i < len(in.Hosts) {
				f.Hosts = append(f.Hosts, host)
			} else {
				for _, s := range host.Sessions {
					if h.Ports != nil {
						break
					}
					host.Ports = append(host.Ports, s.Port)
				}
				f.Named = append(f.Named, host)
			}
		}
		f.inferBlocked()
		f.Port25Works, f.IPv6Works = f.Port25Works || in.Works, f.IPv6Works || in.IPv6
		f.Blocked = f.Blocked && !f.Port25Works
		return f
	})
}

type rawHost struct {
	Host     dns.Name          `json:"host"`
	Owner    dns.Name          `json:"named_by"`
	Ports    []uint16          `json:"named_ports"`
	Sessions []json.RawMessage `json:"sessions"`
}

var testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// good is what a well-kept server shows.
func good(host dns.Name, port uint16) *Session {
	s := newSession(Target{Host: host, Addr: netip.MustParseAddr("5.6.7.8"), Port: port})
	s.Status, s.Step = "ok", StepEHLOTLS
	s.Banner = host.String() + " ESMTP"
	s.Capabilities = []string{"SIZE 36700160", "8BITMIME", "STARTTLS"}
	s.CapabilitiesTLS = []string{"SIZE 36700160", "8BITMIME"}
	s.STARTTLS = "offered"
	if implicitTLS(port) {
		s.Capabilities, s.STARTTLS = []string{}, "implicit"
	}
	if port != 25 {
		s.CapabilitiesTLS = append(s.CapabilitiesTLS, "AUTH PLAIN")
		s.AuthAfterTLS = []string{"PLAIN"}
	}
	if accessPort(port) {
		s.Banner, s.CapabilitiesTLS = "* OK ready", []string{"IMAP4REV1", "AUTH=PLAIN"}
		if port == 143 {
			s.Capabilities = []string{"IMAP4REV1", "LOGINDISABLED", "STARTTLS"}
		}
	}
	s.TLS = &TLS{Version: "TLS 1.3", Suite: "TLS_AES_128_GCM_SHA256", Group: "X25519"}
	s.Certificate = &Cert{
		Subject: "CN=" + host.String(), Issuer: "CN=Test CA", Names: []string{host.String()}, Verdict: "ok",
		KeyType: "ECDSA", Bits: 256, CheckedAt: testNow,
		NotBefore: testNow.AddDate(0, 0, -30), NotAfter: testNow.AddDate(0, 0, 60),
	}
	return s
}

package dial

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestParseRedirect(t *testing.T) {
	for text, want := range map[string]Redirect{
		"MX.example.com.:25:127.0.0.1:2525": {"mx.example.com", 25, netip.MustParseAddrPort("127.0.0.1:2525")},
		"[2001:db8::1]:465:[::1]:4650":      {"2001:db8::1", 465, netip.MustParseAddrPort("[::1]:4650")},
		"::127.0.0.1:99":                    {"", 0, netip.MustParseAddrPort("127.0.0.1:99")},
	} {
		got, err := ParseRedirect(text)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
		if again, err := ParseRedirect(got.String()); err != nil || again != got {
			t.Errorf("%s: written as %s and read as %+v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "a", "a:25", "a:25:b:25", "a:99999:127.0.0.1:1", "[::1:25:127.0.0.1:1", "a:25:127.0.0.1"} {
		if got, err := ParseRedirect(text); err == nil {
			t.Errorf("%q was taken as %+v", text, got)
		}
	}
}

func TestDialRefuses(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	here := ln.Addr().(*net.TCPAddr).AddrPort()
	here = netip.AddrPortFrom(here.Addr().Unmap(), here.Port())
	public := netip.MustParseAddrPort("5.6.7.8:25")

	d := &Dialer{}
	_, err = d.Dial(t.Context(), "mx.example.com", here)
	if e, ok := errors.AsType[*ErrSpecial](err); !ok || e.Block != "loopback" {
		t.Errorf("loopback: got %v, want *ErrSpecial", err)
	}
	if d.Opened() != 0 {
		t.Errorf("a refused address counts as opened")
	}
	d = &Dialer{Offline: true}
	if _, err = d.Dial(t.Context(), "mx.example.com", public); !errors.Is(err, ErrOffline) {
		t.Errorf("offline: got %v, want ErrOffline", err)
	}
	for name, d := range map[string]*Dialer{
		"allowed":           {AllowPrivate: true},
		"redirected by IP":  {Offline: true, Redirects: []Redirect{{"5.6.7.8", 25, here}}},
		"redirected by any": {Redirects: []Redirect{{"other.example", 0, public}, {"", 0, here}}},
	} {
		to := public
		if name == "allowed" {
			to = here
		}
		c, err := d.Dial(t.Context(), "MX.example.com.", to)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c.Close()
		if d.Opened() != 1 {
			t.Errorf("%s: got %d opened, want 1", name, d.Opened())
		}
	}
}

package main

import (
	"os"

	"github.com/postseal/postseal/dns"
)

// The ways of --dnssec: the resolver's word, or our own validation.
const (
	dnssecAD       = "ad"
	dnssecValidate = "validate"
)

const maxAnchorFile = 1 << 20

// anchors reads --trust-anchor; nil stands for the keys of the root.
func (f *netFlags) anchors() ([]dns.Anchor, error) {
	switch f.dnssec {
	case dnssecAD, dnssecValidate, "":
	default:
		return nil, usage("--dnssec is %s or %s, not %q", dnssecAD, dnssecValidate, f.dnssec)
	}
	if f.trustAnchor == "" {
		return nil, nil
	}
	if f.dnssec != dnssecValidate {
		return nil, usage("--trust-anchor needs --dnssec=%s", dnssecValidate)
	}
	file, err := os.Open(f.trustAnchor)
	if err != nil {
		return nil, usage("--trust-anchor: %w", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, usage("--trust-anchor: %s is a folder", f.trustAnchor)
	}
	anchors, err := dns.ParseAnchors(&bounded{file, maxAnchorFile}, f.trustAnchor)
	if err != nil {
		return nil, usage("--trust-anchor: %w", err)
	}
	return anchors, nil
}

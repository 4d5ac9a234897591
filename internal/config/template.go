package config

import "strings"

// Template is a file to begin with: the domains given, and as comments what else
// there is to say.
func Template(domains []string) string {
	var b strings.Builder
	b.WriteString(`# What postseal audits and what fails the run. 'postseal config verify' checks this file;
# 'postseal config schema' prints its JSON Schema. Every flag of the audit that is a
# matter of taste can be set here by its name.

fail-on: error           # error, warning, notice, info or none
# min-score: 80
# fail-on-incomplete: true
# baseline: postseal.json  # only what is new or worse fails; made with -o json=postseal.json
# dns: [tls://dns.example.net]
# output: [html=report/, json=postseal.json]

domains:
`)
	if len(domains) == 0 {
		b.WriteString("  # - example.com\n")
	}
	for _, d := range domains {
		b.WriteString("  - domain: " + d + "\n")
	}
	b.WriteString(`  # - domain: example.org
  #   profile: mail        # mail, send-only, receive-only or parked; told from MX and SPF without it
  #   selectors: [s1]      # DKIM selectors known to be in use
  #   min-score: 90
  #   expect:              # what must stay as it is
  #     dmarc-policy: reject
  #     max-spf-lookups: 8
  #     selectors: [s1]
  #     mta-sts: enforce
  #     dnssec: true

# Findings that you accept. They leave the exit code and the list of what to do, never
# the score. Each needs a reason, and a last day or permanent: true.
# ignore:
#   - rule: dnssec-unsigned
#     domain: example.com
#     reason: the registrar cannot take DS records before the move
#     until: 2027-03-31
`)
	return b.String()
}

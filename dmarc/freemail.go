package dmarc

import "github.com/postseal/postseal/dns"

// IsFreeMailbox tells whether the domain is one at which anybody can have a
// mailbox, and nobody but the provider can publish or sign anything.
func IsFreeMailbox(domain dns.Name) bool { return freeMailboxes[domain] }

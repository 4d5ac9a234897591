package main

import (
	"slices"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/message"
)

// allRules lists the constant part of every rule there is: those of domains,
// then those of messages.
func allRules() []*check.Meta { return slices.Concat(audit.Metas(), message.Metas()) }

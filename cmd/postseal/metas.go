package main

import (
	"slices"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/lint"
	"github.com/postseal/postseal/message"
	"github.com/postseal/postseal/reply"
)

// allRules lists the constant part of every rule there is: those of domains,
// then those of files, of messages and of replies.
func allRules() []*check.Meta {
	return slices.Concat(audit.Metas(), lint.Metas(), message.Metas(), reply.Metas())
}

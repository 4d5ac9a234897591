package bimi

import (
	"slices"

	"github.com/postseal/postseal/check"
)

// Rules judge Facts, in report order. None of them is more than a warning, for
// a logo that does not show endangers nobody; a name that somebody else can take
// over is the exception.
var Rules = slices.Concat(recordRules, dmarcRules, logoRules, svgRules, markRules)

func draft(name string) check.Ref {
	return check.Ref{Doc: name, URL: "https://datatracker.ietf.org/doc/" + name + "/"}
}

// Where it is written. Sections of drafts move between revisions, so none is named.
var (
	core      = draft("draft-brand-indicators-for-message-identification")
	profile   = draft("draft-svg-tiny-ps-abrotman")
	markDraft = draft("draft-fetch-validation-vmc-wchuang")
	vendors   = check.Ref{Doc: "BIMI Group: creating BIMI logo files", URL: "https://bimigroup.org/creating-bimi-svg-logo-files/"}
	practice  = check.Ref{Doc: "BIMI Group: implementation guide", URL: "https://bimigroup.org/implementation-guide/"}
)

package bimi

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/registration"
)

func sends(f *Facts) bool { return f.Profile.Sends() }

// sendsOrPublished is the Applies of the rule over the look-up itself.
func sendsOrPublished(f *Facts) bool {
	return f.Lookup.Unknown() && f.Profile.Sends() || f.Record != ""
}

func runMissing(f *Facts, r *check.Reporter) {
	if _, cause := f.at(stageTXT); cause != nil {
		r.Unknown(cause)
		return
	}
	if len(f.Records)+len(f.NearMiss) > 0 {
		return
	}
	names := []string{f.Lookup.Name.String()}
	if f.Inherited != nil {
		names = append(names, f.Inherited.Name.String())
	}
	r.Report(f.here(check.Params{"Domain": f.Domain.String(), "Names": strings.Join(names, ", ")}))
}

func runLookupFailed(f *Facts, r *check.Reporter) {
	switch e := f.deciding().Error; {
	case e == nil:
	case e.Authoritative:
		r.Report(f.here(check.Params{"Kind": string(e.Kind)}))
	default:
		r.Unknown(e)
	}
}

var runMultiple = judge(stageText, func(f *Facts, r *check.Reporter) {
	if len(f.Records) > 1 {
		finding := f.here(check.Params{"Count": len(f.Records)})
		finding.Record = f.Records[1]
		r.Report(finding)
	}
})

var loose = regexp.MustCompile(`(?i)^\s*"?v\s*=\s*bimi1\s*(;|$)`)

var runVersion = judge(stageText, func(f *Facts, r *check.Reporter) {
	for _, text := range f.NearMiss[:min(len(f.NearMiss), check.MaxPerText)] {
		finding := f.here(check.Params{})
		finding.Record = text
		if m := loose.FindString(text); m != "" {
			mended := version + ";" + strings.TrimRight(text[len(m):], `"`)
			if _, problems := Parse(mended); !hasFatal(problems) {
				finding.Fix = f.change([]string{text}, []string{mended})
			}
		}
		r.Report(finding)
	}
})

var runInherited = judge(stageRecord, func(f *Facts, r *check.Reporter) {
	if f.RecordName != RecordName(f.Domain) {
		r.Report(f.here(check.Params{"Domain": f.Domain.String(), "Name": f.RecordName.String()}))
	}
})

// aliased is the Applies of the rule over the alias: without one, and without a
// record, there is nothing that could be right.
func aliased(f *Facts) bool {
	_, dangling := registration.Dangling(&f.Lookup)
	return dangling || applies(stageText)(f)
}

var runDangling = judge(stageTXT, func(f *Facts, r *check.Reporter) {
	target, ok := registration.Dangling(&f.Lookup)
	if !ok {
		return
	}
	own := RecordName(f.Domain)
	finding := check.Finding{Subject: own.String(), Params: check.Params{"Target": target.String(), "Registrable": registration.Domain(target).String()}}
	if f.unregistered {
		finding.Variant = "unregistered"
	}
	finding.Fix = &check.Fix{Records: []check.RecordChange{{Name: own.FQDN(), Type: "CNAME", Old: []string{f.Lookup.Answer.Chain[0].FQDN()}, New: []string{}}}}
	r.Report(finding)
})

// gated is the Applies of rules over DMARC: there is a logo that it could keep back.
func gated(f *Facts) bool {
	_, cause := f.at(stageRecord)
	return cause != nil || f.Record != "" && !f.Declined
}

// runDMARC judges one way in which DMARC closes the gate.
func runDMARC(what string) func(*Facts, *check.Reporter) {
	return judge(stageRecord, func(f *Facts, r *check.Reporter) {
		switch {
		case f.DMARC == nil:
			r.Unknown(check.Cause{Code: "bimi-no-dmarc"})
			return
		case f.DMARC.Cause != nil:
			r.Unknown(f.DMARC.Cause)
			return
		case len(f.DMARC.Records) == 0:
			if what == "missing" {
				r.Report(f.here(check.Params{"Names": strings.Join(f.DMARC.Names, ", ")}))
			}
			return
		}
		for i := range f.DMARC.Records {
			item := &f.DMARC.Records[i]
			if item.closes(what, i == 0 && !f.DMARC.enforces()) {
				r.Report(check.Finding{Subject: item.Name, Record: item.Text, Params: check.Params{"Name": item.Name, "Value": item.Pct}})
				return
			}
		}
	})
}

// enforces tells whether what applies to the domain holds mail back.
func (g *Gate) enforces() bool { return g.Policy == "quarantine" || g.Policy == "reject" }

// closes tells whether one record closes the gate; off says that what applies to
// the domain enforces nothing.
func (g *GateItem) closes(what string, off bool) bool {
	switch what {
	case "none":
		return off || g.P == "none" || g.P == "quarantine" && g.Testing // RFC 9989 §4.7: one level less
	case "sp-none":
		return g.SP == "none"
	case "pct":
		n, err := strconv.Atoi(g.Pct)
		return err == nil && n < 100
	case "testing":
		return g.Testing && g.P == "reject"
	}
	return false
}

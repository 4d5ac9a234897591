package bimi

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/fetch"
)

// failed reports a fetch that failed for a reason that lies with the host.
func failed(f *Fetch, limit int, r *check.Reporter) {
	variant := f.Error
	if variant == "" {
		if f.Status == http.StatusOK {
			return
		}
		variant = "status"
	}
	r.Report(check.Finding{Subject: f.URL, Variant: variant, Params: check.Params{
		"URL": f.URL, "Detail": f.Detail, "Status": f.Status, "Limit": limit, "UserAgent": fetch.UserAgent}})
}

func runLogoFetch(f *Facts, r *check.Reporter) {
	if _, cause := f.at(stageResponse); cause != nil {
		r.Unknown(cause)
		return
	}
	failed(f.Logo.Fetch, MaxLogo, r)
	if f.Logo.Inflate != "" {
		r.Report(check.Finding{Subject: f.LogoURL, Variant: "inflate", Params: check.Params{"URL": f.LogoURL, "Inflate": f.Logo.Inflate, "Limit": maxInflated}})
	}
}

var runLogoRedirect = judge(stageResponse, func(f *Facts, r *check.Reporter) {
	if hops := f.Logo.Fetch.Hops; len(hops) > 1 {
		r.Report(check.Finding{Subject: f.LogoURL, Params: check.Params{"Last": hops[len(hops)-1].URL}})
	}
})

var runContentType = judge(stageResponse, func(f *Facts, r *check.Reporter) {
	media, _, _ := strings.Cut(f.Logo.Fetch.ContentType, ";")
	if !strings.EqualFold(strings.TrimSpace(media), "image/svg+xml") {
		r.Report(check.Finding{Subject: f.LogoURL, Params: check.Params{"ContentType": f.Logo.Fetch.ContentType}})
	}
})

var runGzip = judge(stageLogo, func(f *Facts, r *check.Reporter) {
	if f.Logo.Gzip {
		r.Report(check.Finding{Subject: f.LogoURL, Params: check.Params{"Wire": f.Logo.Fetch.Size, "Size": f.Logo.SVG.Size}})
	}
})

func runMarkFetch(f *Facts, r *check.Reporter) {
	if _, cause := f.at(stageMark); cause != nil {
		r.Unknown(cause)
		return
	}
	failed(f.Evidence.Fetch, MaxEvidence, r)
}

// markFetched is the Applies of the rule over the file itself.
func markFetched(f *Facts) bool {
	_, cause := f.at(stageMark)
	return cause != nil || f.Evidence != nil && f.Evidence.Fetch.ok()
}

// mark is a finding about the certificate.
func (f *Facts) mark(variant string, params check.Params) check.Finding {
	return check.Finding{Subject: f.EvidenceURL, Variant: variant, Params: params}
}

var runMarkParse = judge(stageMark, func(f *Facts, r *check.Reporter) {
	if f.Evidence.Fault != "" {
		r.Report(f.mark(f.Evidence.Fault, check.Params{}))
	}
})

var runUntrusted = judge(stageMark, func(f *Facts, r *check.Reporter) {
	switch f.Evidence.Trust {
	case "":
		r.Unknown(check.Cause{Code: "bimi-no-roots"})
	case "untrusted":
		r.Report(f.mark("", check.Params{"Issuer": f.Evidence.Issuer, "Detail": f.Evidence.Detail}))
	}
})

var runMarkExpired = judge(stageMark, func(f *Facts, r *check.Reporter) {
	e := f.Evidence
	if e.ValidAt == "yes" {
		return
	}
	variant := e.ValidAt
	if variant == "expired" {
		variant = ""
	}
	r.Report(f.mark(variant, check.Params{"NotAfter": e.NotAfter.Format(time.DateOnly), "NotBefore": e.NotBefore.Format(time.DateOnly)}))
})

var runEKU = judge(stageMark, func(f *Facts, r *check.Reporter) {
	if !slices.Contains(f.Evidence.EKU, oidMarkEKU.String()) {
		r.Report(f.mark("", check.Params{"EKU": strings.Join(f.Evidence.EKU, ", ")}))
	}
})

var runMarkDomain = judge(stageMark, func(f *Facts, r *check.Reporter) {
	if !f.Evidence.Covers {
		names := f.Evidence.Names[:min(len(f.Evidence.Names), 5)]
		r.Report(f.mark("", check.Params{"Names": strings.Join(names, ", "), "Domain": f.Domain.String()}))
	}
})

var runLogotype = judge(stageMark, func(f *Facts, r *check.Reporter) {
	if f.Evidence.Logotype != "ok" {
		r.Report(f.mark(f.Evidence.Logotype, check.Params{}))
	}
})

var runEmbedded = judge(stageMarkSVG, func(f *Facts, r *check.Reporter) {
	var ids []string
	for i := range svgRules {
		m := &svgRules[i].Meta
		for _, p := range f.Evidence.SVG.Problems {
			finding := check.Finding{Variant: p.Variant}
			if p.Rule == m.ID && m.SeverityOf(&finding) >= check.Warning && !slices.Contains(ids, p.Rule) {
				ids = append(ids, p.Rule)
			}
		}
	}
	if len(ids) > 0 {
		r.Report(f.mark("", check.Params{"Rules": strings.Join(ids, ", ")}))
	}
})

var runDiffers = judge(stageMarkSVG, func(f *Facts, r *check.Reporter) {
	e := f.Evidence
	switch {
	case e.SameLogo == nil && f.Logo != nil:
		if cause := f.Logo.Fetch.because(); cause != nil {
			r.Unknown(cause)
		}
	case e.SameLogo != nil && !*e.SameLogo:
		r.Report(f.mark("", check.Params{"Served": f.Logo.SVG.SHA256[:12], "Certified": e.SVG.SHA256[:12]}))
	}
})

var runSCT = judge(stageMark, func(f *Facts, r *check.Reporter) {
	if !f.Evidence.SCT {
		r.Report(f.mark("", check.Params{}))
	}
})

var runMarkType = judge(stageMark, func(f *Facts, r *check.Reporter) {
	if f.Evidence.Kind != "" {
		r.Report(f.mark(f.Evidence.Kind, check.Params{"Mark": f.Evidence.MarkType}))
	}
})

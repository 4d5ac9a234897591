package mtasts

import (
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/fetch"
)

// Rules over the HTTP response.
var responseRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "mtasts-policy-redirect", Standard: check.MTASTS, Severity: check.Error,
			Title: "the policy URL redirects", Refs: rfc("3.3"),
			Doc: `Senders must not follow HTTP redirects when they fetch a policy, so they get none. Browsers and some
testers follow them and show a policy that no mail server ever sees. A rule that sends every request to
` + "`www`" + ` is the usual cause.

Serve the file at the policy host itself.

    before: 301 Location: https://www.example.com/.well-known/mta-sts.txt
    after:  200 with the policy as the body`,
		},
		Applies: applies(stageHTTP),
		Run: judge(stageHTTP, func(f *Facts, r *check.Reporter) {
			if isRedirect(f.Fetch.Status) {
				r.Report(f.atURL(check.Params{"Status": f.Fetch.Status, "Location": f.Fetch.Location}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-http-status", Standard: check.MTASTS, Severity: check.Error,
			Title: "the policy URL does not answer 200", Refs: rfc("3.3"),
			Doc: `Only the HTTP status 200 counts as a fetched policy. 404 means that the file is not at
` + "`/.well-known/mta-sts.txt`" + `; 403 is often a content delivery network that challenges clients it does not
know, and mail servers are such clients.

    before: HTTP 404
    after:  HTTP 200, Content-Type: text/plain`,
		},
		Applies: applies(stageHTTP),
		Run: judge(stageHTTP, func(f *Facts, r *check.Reporter) {
			if s := f.Fetch.Status; s != 200 && !isRedirect(s) {
				r.Report(f.atURL(check.Params{"Status": s, "UserAgent": fetch.UserAgent}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-content-type", Standard: check.MTASTS, Severity: check.Warning,
			Title: "the policy is not served as text/plain", Refs: rfc("3.2"),
			CoveredBy: []string{"mtasts-policy-html", "mtasts-policy-too-large"},
			Doc: `Senders should check that the media type is ` + "`text/plain`" + ` and the strict ones refuse anything else.
The check keeps a page that users can write to from passing as a policy. Parameters such as charset do not
matter.

    before: Content-Type: application/octet-stream
    after:  Content-Type: text/plain`,
		},
		Applies: applies(stageOK),
		Run: judge(stageOK, func(f *Facts, r *check.Reporter) {
			media, _, _ := strings.Cut(f.Fetch.ContentType, ";")
			if !strings.EqualFold(strings.TrimSpace(media), "text/plain") {
				r.Report(f.atURL(check.Params{"ContentType": f.Fetch.ContentType}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-too-large", Standard: check.MTASTS, Severity: check.Error,
			Title: "the policy file is larger than 64 KiB", Refs: rfc("3.3"),
			Doc: `Senders limit what they read; the standard suggests 64 kilobytes. A real policy has a few hundred
octets, so a body of this size is nearly always a web page that the server sends with status 200 for any path.

    before: 180 kB of HTML with status 200
    after:  the policy file and nothing else`,
		},
		Applies: applies(stageOK),
		Run: judge(stageOK, func(f *Facts, r *check.Reporter) {
			if f.Fetch.Error == ErrTooLarge {
				r.Report(f.atURL(check.Params{"Limit": MaxPolicySize}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-slow", Standard: check.MTASTS, Severity: check.Warning,
			Variants: []check.Variant{{Name: "minute", Severity: check.Error}},
			Title:    "the policy host answers slowly", Refs: rfc("3.3"),
			Doc: `Fetching the policy took more than ten seconds. Senders fetch it while a message waits; the standard
suggests that they give up after a minute, and many allow far less. A policy is a static file of a few lines and should be there in
milliseconds.

    before: 14 s for 120 octets
    after:  a static file, served without an application behind it`,
		},
		Applies: applies(stageConnect),
		Run:     runSlow,
	},
}

func isRedirect(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// atURL is a finding about the response.
func (f *Facts) atURL(params check.Params) check.Finding {
	params["URL"] = f.Fetch.URL
	return check.Finding{Subject: f.Fetch.URL, Params: params}
}

// runSlow judges a fetch that was cut, too: what was seen of its slowness was seen.
func runSlow(f *Facts, r *check.Reporter) {
	_, cause := f.at(stageConnect)
	if cause == nil && f.Fetch.TookMS > 10_000 {
		finding := f.atURL(check.Params{"Seconds": int(f.Fetch.TookMS / 1000), "Phase": f.Fetch.Phase})
		if f.Fetch.TookMS > 60_000 {
			finding.Variant = "minute"
		}
		r.Report(finding)
		return
	}
	if _, whole := f.at(stageBody); cause == nil {
		cause = whole
	}
	if cause != nil {
		r.Unknown(cause)
	}
}

package audit

import "github.com/postseal/postseal/check"

// tlsrptRules relate TLS reporting to what there is to report on.
var tlsrptRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "tlsrpt-without-policy", Standard: check.TLSRPT, Severity: check.Info,
			Title: "TLS reports without MTA-STS or DANE", Refs: []check.Ref{check.RFC(8460, "4.4")},
			Doc: "The TLS-RPT record is in place, and neither an MTA-STS policy nor DANE tells senders what to insist on. Reports then say\n" +
				"`no-policy-found` and count how many sessions were encrypted. That is useful, and a good first step: they show whether\n" +
				"a policy would hold mail back before you publish one.\n\n" +
				"**Next:** publish an MTA-STS policy in testing mode (`postseal generate mta-sts`) and read what changes.\n\n" +
				"Before: reports with `no-policy-found`. After: reports with `sts` and the failures that enforcing would have met.",
		},
		Applies: func(f *Facts) bool { return f.Profile.Receives() && !f.MX.Null && f.TLSRPT.Valid },
		Run: func(f *Facts, r *check.Reporter) {
			mode := f.MTASTS.Mode()
			if mode == "enforce" || mode == "testing" {
				return
			}
			for _, h := range f.DANE.Hosts {
				if h.Lookup.Found() {
					return
				}
			}
			if !f.MTASTS.Known() {
				r.Unknown(f.MTASTS.Cause())
				return
			}
			if f.DANE.HostsUnknown != nil {
				r.Unknown(f.DANE.HostsUnknown)
				return
			}
			for _, h := range f.DANE.Hosts {
				if h.Lookup.Unknown() {
					r.Unknown(h.Lookup.Error)
					return
				}
			}
			r.Report(check.Finding{Subject: f.Domain.Child("_smtp._tls").String(), Record: f.TLSRPT.Record, Params: check.Params{"Domain": f.Domain.String()}})
		},
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-null-mx", Standard: check.TLSRPT, Severity: check.Info,
			Title: "TLS reports for a domain that takes no mail", Refs: []check.Ref{check.RFC(7505, ""), check.RFC(8460, "3")},
			Doc: "The null MX says that this domain takes no mail. Nobody sends any, so nobody has a failure to report, and the TLS-RPT\n" +
				"record does nothing. It does no harm either.\n\n" +
				"**Fix:** none is needed; remove the record when you next edit the zone, so that nobody waits for reports.\n\n" +
				"Before: `MX 0 .` and a record at `_smtp._tls`. After: `MX 0 .` alone.",
		},
		Applies: func(f *Facts) bool { return f.MX.Null },
		Run: func(f *Facts, r *check.Reporter) {
			switch {
			case f.TLSRPT.Lookup.Unknown():
				r.Unknown(f.TLSRPT.Lookup.Error)
			case len(f.TLSRPT.Records) > 0:
				r.Report(check.Finding{Subject: f.Domain.Child("_smtp._tls").String(), Record: f.TLSRPT.Records[0], Params: check.Params{"Domain": f.Domain.String()}})
			}
		},
	},
}

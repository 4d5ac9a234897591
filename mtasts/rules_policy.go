package mtasts

import (
	"github.com/postseal/postseal/check"
)

// Rules over the policy file.
var policyRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "mtasts-policy-html", Standard: check.MTASTS, Severity: check.Error,
			Title: "the policy URL serves a web page", Refs: rfc("3.2"),
			Doc: `The answer begins like HTML or XML. With status 200 it is probably the site's own "not found" page or
its start page, sent for every path. Senders cannot read a policy in it.

    before: <!DOCTYPE html> …
    after:  version: STSv1 …`,
		},
		Applies: applies(stageBody), Run: policyProblem("mtasts-policy-html"),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-bom", Standard: check.MTASTS, Severity: check.Error,
			Title: "the policy file begins with a byte order mark", Refs: rfc("3.2"),
			Doc: `The file begins with the octets EF BB BF, which some Windows editors write and no editor shows. To a
sender they belong to the first key, so the file has no ` + "`version`" + ` and is invalid.

Save the file as UTF-8 without BOM, or as ASCII.

    before: EF BB BF 76 65 72 73 69 6F 6E …
    after:  76 65 72 73 69 6F 6E …`,
		},
		Applies: applies(stageBody), Run: policyProblem("mtasts-policy-bom"),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-blank-line", Standard: check.MTASTS, Severity: check.Warning,
			Title: "the policy file has an empty line", Refs: rfc("3.2"),
			Doc: `The grammar of the policy file has no place for empty lines. Most senders skip them, at least one
widely used one rejects the whole policy. One line end after the last line is right; two make an empty line.

    before: max_age: 604800⏎⏎
    after:  max_age: 604800⏎`,
		},
		Applies: applies(stageBody), Run: judge(stageBody, runBlank),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-comment", Standard: check.MTASTS, Severity: check.Warning,
			Title: "the policy file has a comment", Refs: rfc("3.2"),
			Doc: `The policy file knows no comments. A line that begins with ` + "`#`, `;` or `//`" + ` is a malformed field to
a strict parser, and the policy is rejected. Keep the remark in the repository the file comes from.

    before: # generated, do not edit
    after:  version: STSv1`,
		},
		Applies: applies(stageBody), Run: policyProblem("mtasts-policy-comment"),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-syntax", Standard: check.MTASTS, Severity: check.Error,
			Variants: []check.Variant{
				{Name: "empty", Severity: check.Error}, {Name: "binary", Severity: check.Error}, {Name: "cr", Severity: check.Error},
				{Name: "control", Severity: check.Error}, {Name: "utf8", Severity: check.Error}, {Name: "colon", Severity: check.Error},
				{Name: "key", Severity: check.Error}, {Name: "value", Severity: check.Error},
			},
			Title: "the policy file is malformed", Refs: rfc("3.2"),
			Doc: `Each line is a key, a colon and a value; keys have letters, digits, dot, dash and underscore. Lines
end in LF or CR LF, both are right. A file that breaks the grammar is no policy, and senders go on as if there
were none.

    before: mode = enforce
    after:  mode: enforce`,
		},
		Applies: applies(stageBody), Run: policyProblem("mtasts-policy-syntax"),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-version", Standard: check.MTASTS, Severity: check.Error,
			Variants: []check.Variant{{Name: "missing", Severity: check.Error}},
			Title:    "the policy file has no valid version", Refs: rfc("3.2"),
			CoveredBy: []string{"mtasts-policy-syntax"},
			Doc: `The file needs one line ` + "`version: STSv1`" + `, written exactly so. It need not be the first line. Without
it the whole policy is invalid and senders act as if there were none.

    before: version: STSV1
    after:  version: STSv1`,
		},
		Applies: applies(stageBody), Run: policyProblem("mtasts-policy-version"),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-mode", Standard: check.MTASTS, Severity: check.Error,
			Variants: []check.Variant{{Name: "missing", Severity: check.Error}},
			Title:    "the policy file has no valid mode", Refs: []check.Ref{check.RFC(8461, "3.2"), check.RFC(8461, "5")},
			CoveredBy: []string{"mtasts-policy-syntax"},
			Doc: `` + "`mode`" + ` is one of ` + "`enforce`, `testing` and `none`" + `, in lower case. With any other word, or without the
line, the policy is invalid. Begin with testing, read the TLS reports for some weeks, then enforce.

    before: mode: Enforce
    after:  mode: enforce`,
		},
		Applies: applies(stageBody), Run: policyProblem("mtasts-policy-mode"),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-max-age", Standard: check.MTASTS, Severity: check.Error,
			Variants: []check.Variant{{Name: "missing", Severity: check.Error}},
			Title:    "the policy file has no valid max_age", Refs: rfc("3.2"),
			CoveredBy: []string{"mtasts-policy-syntax"},
			Doc: `` + "`max_age`" + ` says for how many seconds senders keep the policy: digits only, at most 31557600, a year.
Without it, or with a sign, a unit or a point, the whole policy is invalid.

    before: max_age: 7d
    after:  max_age: 604800`,
		},
		Applies: applies(stageBody), Run: policyProblem("mtasts-policy-max-age"),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-max-age-short", Standard: check.MTASTS, Severity: check.Notice,
			Variants: []check.Variant{{Name: "day", Severity: check.Warning}, {Name: "change", Severity: check.Info}},
			Title:    "senders may keep the policy for a short time only", Refs: []check.Ref{check.RFC(8461, "3.2"), check.RFC(8461, "10.2")},
			Doc: `The protection of MTA-STS rests on what senders have cached: an attacker who can block the policy host
only has to wait until the cache lapses. The standard advises weeks or more. A short time is right while a
policy is tested or being removed, because every mistake lasts that long too.

    before: max_age: 3600
    after:  max_age: 604800, later more`,
		},
		Applies: applies(stageBody), Run: judge(stageBody, runMaxAgeShort),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-mx-missing", Standard: check.MTASTS, Severity: check.Error,
			Title: "the policy file names no mail host", Refs: rfc("3.2"),
			CoveredBy: []string{"mtasts-policy-syntax"},
			Doc: `A policy in mode enforce or testing needs at least one ` + "`mx`" + ` line. Without one no host can ever match:
the file is invalid to most senders, and one that takes it literally could deliver no mail at all.

    before: version: STSv1, mode: enforce, max_age: 604800
    after:  the same with  mx: mx1.example.com`,
		},
		Applies: applies(stageBody), Run: policyProblem("mtasts-policy-mx-missing"),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-mx-invalid", Standard: check.MTASTS, Severity: check.Error,
			Variants: []check.Variant{
				{Name: "empty", Severity: check.Error}, {Name: "url", Severity: check.Error}, {Name: "list", Severity: check.Error},
				{Name: "address", Severity: check.Error}, {Name: "port", Severity: check.Error}, {Name: "wildcard", Severity: check.Error},
				{Name: "dot", Severity: check.Error}, {Name: "unicode", Severity: check.Error}, {Name: "name", Severity: check.Error},
			},
			Title: "an mx line of the policy is not a host name", Refs: []check.Ref{check.RFC(8461, "3.2"), check.RFC(8461, "4.1")},
			Doc: `An ` + "`mx`" + ` value is one host name in ASCII, or ` + "`*.`" + ` and a domain, where the asterisk stands for one whole
leftmost label. Addresses, URLs, lists, ports, a final dot and an asterisk anywhere else never match a host, and
some senders reject the whole file for them.

    before: mx: mx1.example.com, mx2.example.com
    after:  mx: mx1.example.com
            mx: mx2.example.com`,
		},
		Applies: applies(stageBody), Run: policyProblem("mtasts-policy-mx-invalid"),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-key-near-miss", Standard: check.MTASTS, Severity: check.Warning,
			Title: "the policy file has a key that is probably misspelt", Refs: rfc("3.2"),
			CoveredBy: []string{"mtasts-policy-version", "mtasts-policy-mode", "mtasts-policy-max-age", "mtasts-policy-mx-missing"},
			Doc: `Keys are case-sensitive and unknown ones are ignored, so ` + "`Mode`" + ` is not ` + "`mode`" + ` and ` + "`max-age`" + ` is not
` + "`max_age`" + `. A line with such a key does nothing, and the one that was meant is missing.

    before: nmx: mx1.example.com
    after:  mx: mx1.example.com`,
		},
		Applies: applies(stageBody), Run: policyProblem("mtasts-policy-key-near-miss"),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-duplicate-key", Standard: check.MTASTS, Severity: check.Notice,
			Variants: []check.Variant{{Name: "differs", Severity: check.Warning}},
			Title:    "the policy file has a key twice", Refs: rfc("3.2"),
			Doc: `Only ` + "`mx`" + ` may repeat. Of any other key the first line counts; people who edit the file tend to expect
the last. When the two values differ, senders do not do what the author believes.

    before: mode: testing … mode: enforce     (testing is in force)
    after:  mode: enforce`,
		},
		Applies: applies(stageBody), Run: policyProblem("mtasts-policy-duplicate-key"),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-testing", Standard: check.MTASTS, Severity: check.Notice,
			Title: "the policy is in testing mode", Refs: rfc("5"),
			Doc: `In testing mode senders deliver even when TLS fails, and report it. That is the right way to begin, and
no protection yet. When TLS-RPT has shown no failures for some weeks, change the mode, then the id of the record.

    before: mode: testing
    after:  mode: enforce`,
		},
		Applies: applies(stageBody),
		Run: judge(stageBody, func(f *Facts, r *check.Reporter) {
			if f.Mode() == Testing {
				finding := f.inPolicy(&f.Policy.modeSpan)
				finding.Params = check.Params{"ID": f.ID}
				r.Report(finding)
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-none", Standard: check.MTASTS, Severity: check.Info,
			Title: "the policy switches MTA-STS off", Refs: []check.Ref{check.RFC(8461, "5"), check.RFC(8461, "8.3")},
			Doc: `Mode none tells senders to forget the policy: this is how MTA-STS is taken down without breaking mail.
Leave record and file in place until the longest max_age you ever served has passed, then remove both.

    before: mode: none, max_age: 86400
    after:  no record and no policy host, once the old max_age has run out`,
		},
		Applies: applies(stageBody),
		Run: judge(stageBody, func(f *Facts, r *check.Reporter) {
			if f.Mode() == None {
				finding := f.inPolicy(&f.Policy.modeSpan)
				finding.Params = check.Params{"MaxAge": int(f.Policy.MaxAgeSeconds)}
				r.Report(finding)
			}
		}),
	},
}

// runBlank makes one finding of all empty lines.
func runBlank(f *Facts, r *check.Reporter) {
	var lines []string
	var first *Problem
	for i := range f.PolicyProblems {
		p := &f.PolicyProblems[i]
		if p.Rule != "mtasts-policy-blank-line" {
			continue
		}
		if first == nil {
			first = p
		}
		if len(lines) < check.MaxPerText {
			lines = append(lines, seconds(int64(p.Line)))
		}
	}
	if first == nil {
		return
	}
	finding := f.inPolicy(first.Span)
	finding.Params = check.Params{"Lines": lines, "Line": first.Line}
	r.Report(finding)
}

func runMaxAgeShort(f *Facts, r *check.Reporter) {
	if f.Policy == nil || f.Policy.MaxAgeSeconds < 0 || f.Policy.MaxAgeSeconds >= 604800 {
		return
	}
	finding := f.inPolicy(&f.Policy.maxAgeSpan)
	finding.Params = check.Params{"MaxAge": int(f.Policy.MaxAgeSeconds), "Mode": f.Policy.Mode}
	switch {
	case f.Policy.Mode != Enforce:
		finding.Variant = "change"
	case f.Policy.MaxAgeSeconds < 86400:
		finding.Variant = "day"
	}
	r.Report(finding)
}

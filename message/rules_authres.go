package message

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

func hasAuthRes(f *Facts) bool { return len(f.AuthRes) > 0 }

// authresRules are about what other servers wrote into the message (RFC 8601).
var authresRules = []rule{
	{
		Meta: check.Meta{
			ID: "msg-authres-missing", Severity: check.Info, Title: "no Authentication-Results field",
			Refs: refs{check.RFC(8601, "4")},
			Doc: "The receiving server did not write down what it made of SPF, DKIM and DMARC, or the file is not the delivered copy.\n" +
				"There is nothing to compare the results here with.\n\n" +
				"**Fix:** nothing for the sender to do. A receiver who wants the results in the message switches them on in the\n" +
				"verifier, with the server's own name in front.\n\n" +
				"Before: no such field. After: `Authentication-Results: mx.example.net; dmarc=pass header.from=example.com`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if len(f.AuthRes) == 0 {
				r.Report(check.Finding{Subject: "Authentication-Results", Params: check.Params{}})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-authres-syntax", Severity: check.Notice, Title: "Authentication-Results cannot be read",
			Refs: refs{check.RFC(8601, "2.2")},
			Doc: "The field leaves the grammar: it has no server name in front, a method without a result, or bare words. Programs\n" +
				"that read results skip it, or read only what comes before the fault.\n\n" +
				"**Fix:** let the verifier write `authserv-id; method=result property=value`, each method after a semicolon.\n\n" +
				"Before: `Authentication-Results: dkim pass`. After: `Authentication-Results: mx.example.net; dkim=pass header.d=example.com`.",
		},
		Applies: hasAuthRes,
		Run: func(f *Facts, r *check.Reporter) {
			for _, a := range f.AuthRes {
				if a.Problem == nil {
					continue
				}
				fd := f.at(a.Field, check.Params{"Problem": a.Problem.Code})
				if at := len("Authentication-Results: ") + a.Problem.Offset; at <= len(fd.Record) {
					fd.Span = &check.Span{Start: at, End: len(fd.Record)}
				}
				r.Report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-authres-foreign", Severity: check.Info, Title: "results of a server that is not the receiver",
			Refs: refs{check.RFC(8601, "5"), check.RFC(8601, "7.1")},
			Doc: "The field carries the name of another server than the receiver's. Anybody can write such a field, the sender too: its\n" +
				"results are shown and never believed.\n\n" +
				"**Fix:** nothing, unless the name is that of a server you run; then name it with `--receiver`.\n\n" +
				"Before: `postseal message m.eml`. After: `postseal message --receiver mx.example.net m.eml`.",
		},
		Applies: func(f *Facts) bool { return hasAuthRes(f) && f.Options.Receiver != "" },
		Run: func(f *Facts, r *check.Reporter) {
			var ids []string
			first := -1
			for _, a := range f.AuthRes {
				if a.ID != "" && !a.Trusted && !slices.Contains(ids, a.ID) {
					if ids = append(ids, a.ID); first < 0 {
						first = a.Field
					}
				}
			}
			if first >= 0 {
				r.Report(f.at(first, check.Params{"ID": clip(strings.Join(ids, ", ")), "Receiver": f.Options.Receiver}))
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-authres-position", Severity: check.Warning, Title: "results in the receiver's name that the receiver did not write",
			Refs: refs{check.RFC(8601, "4.1"), check.RFC(8601, "5")},
			Doc: "A server writes its results above the Received fields of earlier hops. This field bears the receiver's name and\n" +
				"stands below one of them: it was in the message when the receiver took it, so the sender made it up, and the border\n" +
				"did not remove it. Filters that only look at the name believe it.\n\n" +
				"**Fix:** let the border server remove every incoming field with its own name before it adds one.\n\n" +
				"Before: a forged `Authentication-Results: mx.example.net; spf=pass` reaches the mailbox. After: it is gone.",
		},
		Applies: func(f *Facts) bool { return hasAuthRes(f) && f.Delivery.Border >= 0 },
		Run: func(f *Facts, r *check.Reporter) {
			for _, a := range f.AuthRes {
				if a.Trusted && a.Below > 0 {
					fd := f.at(a.Field, check.Params{"ID": clip(a.ID)})
					fd.Scope, fd.Fix = authScope(a), advice("")
					r.Report(fd)
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-authres-duplicate-id", Severity: check.Notice, Title: "one server gives results for one method twice",
			Refs: refs{check.RFC(8601, "4")}, CoveredBy: []string{"msg-authres-position"},
			Doc: "Two fields bear the same server name and give results for the same method. It happens where mail passes a verifier\n" +
				"twice inside one organisation; programs then differ in which of the results they take.\n\n" +
				"**Fix:** verify once, at the border, or let the inner verifier replace the field. The topmost counts here.\n\n" +
				"Before: `mx.example.net; spf=pass` above `mx.example.net; spf=softfail`. After: one of them.",
		},
		Applies: hasAuthRes,
		Run: func(f *Facts, r *check.Reporter) {
			seen := map[string]bool{}
			for _, a := range f.AuthRes {
				own := map[string]bool{}
				for _, res := range a.Results {
					key := strings.ToLower(a.ID) + ";" + res.Method
					if seen[key] && !own[key] && a.ID != "" {
						fd := f.at(a.Field, check.Params{"ID": clip(a.ID), "Method": clip(res.Method)})
						fd.Scope = authScope(a)
						r.Report(fd)
						return
					}
					own[key] = true
				}
				for key := range own {
					seen[key] = true
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-authres-contradiction", Severity: check.Warning, Title: "the receiver's results are not the ones found here",
			Refs: refs{check.RFC(8601, "7.2")}, CoveredBy: []string{"msg-authres-position"},
			Doc: "A field with the receiver's name says pass where the check here does not, or the other way round. The message may\n" +
				"have been changed after it was verified, a key or an SPF record may have changed since, or the field is forged.\n" +
				"An old message whose key was rotated looks like this, too.\n\n" +
				"**Fix:** compare the time of reception with changes in DNS; let the border remove incoming fields with its own name.\n\n" +
				"Before: `dkim=pass header.d=example.com`, and the body hash is wrong. After: a field that the border wrote.",
		},
		Applies: func(f *Facts) bool {
			return slices.ContainsFunc(f.AuthRes, func(a *AuthRes) bool { return a.Trusted })
		},
		Run: contradictions,
	},
	{
		Meta: check.Meta{
			ID: "msg-authres-dmarc-no-from", Severity: check.Notice, Title: "a DMARC result without header.from",
			Refs: refs{check.RFC(9989, "9.1")},
			Doc: "A `dmarc=` result has to say which domain it is about, as `header.from=`. Without it a program that reads the field\n" +
				"cannot tell whether the result belongs to the author whom the reader sees.\n\n" +
				"**Fix:** let the verifier add the property.\n\n" +
				"Before: `dmarc=pass`. After: `dmarc=pass header.from=example.com`.",
		},
		Applies: hasAuthRes,
		Run: func(f *Facts, r *check.Reporter) {
			for _, a := range f.AuthRes {
				for i := range a.Results {
					if res := &a.Results[i]; res.Method == "dmarc" && res.Result != "none" && res.get("header.from") == "" {
						r.Report(f.at(a.Field, check.Params{"ID": clip(a.ID), "Result": clip(res.Result)}))
						return
					}
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-authres-legacy", Severity: check.Info, Title: "results in an old or private field only",
			Refs: refs{check.RFC(7208, "9.1"), check.RFC(8601, "")},
			Doc: "The message has Received-SPF or a field whose name begins with X- in place of Authentication-Results. Programs that\n" +
				"follow RFC 8601 do not read them, and the border does not remove forged ones.\n\n" +
				"**Fix:** let the verifier write Authentication-Results.\n\n" +
				"Before: `Received-SPF: pass (…)`. After: `Authentication-Results: mx.example.net; spf=pass smtp.mailfrom=example.com`.",
		},
		Applies: func(f *Facts) bool { return !hasAuthRes(f) },
		Run: func(f *Facts, r *check.Reporter) {
			for i := range f.Message.Fields {
				key := f.Message.Fields[i].Key
				if key == "received-spf" || strings.HasPrefix(key, "x-") && strings.Contains(key, "authentication-results") {
					r.Report(f.at(i, check.Params{}))
					return
				}
			}
		},
	},
}

// authScope keeps findings on different fields apart.
func authScope(a *AuthRes) string { return "authres " + lineSubject(a.Field) }

// contradictions compares what trusted fields say with what was found here.
func contradictions(f *Facts, r *check.Reporter) {
	for _, a := range f.AuthRes {
		if !a.Trusted {
			continue
		}
		for i := range a.Results {
			res := &a.Results[i]
			ours, known := f.ours(res)
			if !known || (res.Result == "pass") == (ours == "pass") || undecided(res.Result) {
				continue
			}
			fd := f.at(a.Field, check.Params{"ID": clip(a.ID), "Method": res.Method, "Theirs": clip(res.Result), "Ours": ours})
			fd.Scope, fd.Fix = authScope(a), advice("")
			r.Report(fd)
			break
		}
	}
}

// undecided are results that say nothing about the message.
func undecided(result string) bool { return result == "temperror" || result == "" }

// ours is the result found here for the same identifier; known is false where
// the field speaks of something else, or nothing could be told.
func (f *Facts) ours(res *AuthResult) (result string, known bool) {
	switch res.Method {
	case "spf":
		if f.SPF == nil {
			return "", false
		}
		if d := res.get("smtp.mailfrom"); d != "" && !sameDomain(d, f.SPF.Domain) {
			return "", false
		}
		if d := res.get("smtp.helo"); d != "" && res.get("smtp.mailfrom") == "" && !sameDomain(d, f.SPF.Domain) {
			return "", false
		}
		result = string(f.SPF.Result)
	case "dkim":
		s := f.signatureOf(res)
		if s == nil {
			return "", false
		}
		result = s.Result
	case "dmarc":
		if f.DMARC == nil {
			return "", false
		}
		if d := res.get("header.from"); d != "" && !sameDomain(d, f.DMARC.From) {
			return "", false
		}
		result = f.DMARC.Result
	}
	return result, !undecided(result)
}

// signatureOf is the one signature that a dkim result can be about.
func (f *Facts) signatureOf(res *AuthResult) *Signature {
	var found []*Signature
	d, s := res.get("header.d"), res.get("header.s")
	if d == "" {
		d = res.get("header.i")
	}
	for _, sig := range f.Signatures {
		if d != "" && sameDomain(d, sig.Domain) && (s == "" || strings.EqualFold(s, sig.Selector)) {
			found = append(found, sig)
		}
	}
	if len(found) != 1 {
		return nil // two of one domain cannot be told apart
	}
	return found[0]
}

// sameDomain compares an address or a domain as written with a name.
func sameDomain(text string, n dns.Name) bool {
	got, err := dns.ParseDomain(text[strings.LastIndexByte(text, '@')+1:])
	return err == nil && got == n
}

package dmarc

// Options are those that generate what the record says: a fix starts from them,
// so that a changed policy keeps the addresses and the alignment its owner
// chose. What is not valid, and what no receiver reads, stays out.
func (r *Record) Options() Options {
	o := Options{
		Policy: levelText(r.Level("p")), SP: levelText(r.Level("sp")), NP: levelText(r.Level("np")),
		ADKIM: r.word("adkim", "r", "r", "s"), ASPF: r.word("aspf", "r", "r", "s"),
		RUA: addURIs(nil, r.RUA), RUF: addURIs(nil, r.RUF),
		Testing: r.Testing(), PSD: r.PSD(),
	}
	if t := r.Tag("fo"); t != nil && len(o.RUF) > 0 {
		if _, problems := Parse("v=DMARC1; p=none; ruf=mailto:a@b.example; fo=" + t.Value); len(problems) == 0 {
			o.FO = t.Value
		}
	}
	return o
}

func levelText(l Level) string {
	if l == 0 {
		return ""
	}
	return l.String()
}

// Effect is what receivers apply where this record is the Organizational
// Domain's own.
func (r *Record) Effect() Effective {
	return Effective{
		Domain:      r.policy(true, true),
		Subdomain:   r.policy(false, true),
		Nonexistent: r.policy(false, false),
	}
}

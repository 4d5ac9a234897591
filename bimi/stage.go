package bimi

import (
	"maps"

	"github.com/postseal/postseal/check"
)

// stage is how far a receiver gets on its way to the logo. What stops at one
// stage leaves nothing to judge at the later ones.
type stage int

const (
	stageTXT      stage = iota // an answer for the record's name
	stageText                  // something there is, or was meant as, a record
	stageRecord                // one record
	stageLogoURL               // it names a logo that can be asked for
	stageResponse              // there is an HTTP response for it
	stageLogo                  // the file was read
	stageSVG                   // it is an SVG document, read to its end
	stageMarkURL               // the record names a certificate that can be asked for
	stageMark                  // the file holds a certificate
	stageMarkSVG               // and a logo in it
)

// at tells whether the stage was reached, and if that could not be told, why.
func (f *Facts) at(s stage) (reached bool, cause error) {
	l := f.deciding()
	switch {
	case l.Unknown():
		return false, l.Error
	case len(f.Records) == 0 && f.organization != nil:
		return false, f.organization
	}
	switch {
	case s == stageTXT:
		return true, nil
	case s == stageText:
		return len(f.Records)+len(f.NearMiss) > 0, nil
	case f.Record == "" || s == stageRecord:
		return f.Record != "", nil
	case s < stageMarkURL:
		return f.Logo.at(s)
	}
	return f.Evidence.at(s)
}

// because is why a file could not be had although nothing is known to be wrong.
func (t *Fetch) because() error {
	if t == nil {
		return check.Cause{Code: "bimi-not-fetched"}
	}
	params := check.Params{"URL": t.URL, "Detail": t.Detail}
	switch t.Error {
	case ErrOffline, ErrDNS, ErrNetwork, ErrTimeout, ErrRoots, ErrPort:
		return check.Cause{Code: "bimi-" + t.Error, Params: params}
	}
	return nil
}

func (l *Logo) at(s stage) (bool, error) {
	if l == nil || s == stageLogoURL {
		return l != nil, nil
	}
	if cause := l.Fetch.because(); cause != nil {
		return false, cause
	}
	switch s {
	case stageResponse:
		return l.Fetch.ok(), nil
	case stageLogo:
		return l.SVG != nil, nil
	}
	return l.SVG != nil && l.SVG.Whole, nil
}

func (e *Evidence) at(s stage) (bool, error) {
	if e == nil || s == stageMarkURL {
		return e != nil, nil
	}
	if cause := e.Fetch.because(); cause != nil {
		return false, cause
	}
	if s == stageMark {
		return e.read(), nil
	}
	return e.read() && e.SVG != nil, nil
}

// from are the facts as far as the stage.
func from(s stage) check.Stage[*Facts] {
	return func(f *Facts) (bool, error) { return f.at(s) }
}

// applies makes the Applies of a rule: the stage was reached or nobody could tell.
func applies(s stage) func(*Facts) bool { return from(s).Applies }

// judge makes the Run of a rule: unknown where the stage could not be told, the
// judgement otherwise.
func judge(s stage, run func(*Facts, *check.Reporter)) func(*Facts, *check.Reporter) {
	return from(s).Judge(run)
}

// problem reports the problems of the record that bear the rule's ID.
func problem(id string) func(*Facts, *check.Reporter) {
	return judge(stageRecord, func(f *Facts, r *check.Reporter) {
		r.Problems(id, f.Problems, func(p *Problem) check.Finding {
			finding := f.here(nil)
			finding.Span = p.Span
			return finding
		})
	})
}

// inLogo reports the problems of the logo that bear the rule's ID.
func inLogo(s stage, id string) func(*Facts, *check.Reporter) {
	return judge(s, func(f *Facts, r *check.Reporter) {
		n := 0
		for _, p := range f.Logo.SVG.Problems {
			if p.Rule == id && n < check.MaxPerText {
				n++
				params := maps.Clone(p.Params)
				params["Line"], params["Column"] = p.Line, p.Column
				r.Report(check.Finding{Subject: f.LogoURL, Variant: p.Variant, Params: params})
			}
		}
	})
}

// here is a finding about the record in force.
func (f *Facts) here(params check.Params) check.Finding {
	name := f.RecordName
	if name == "" {
		name = RecordName(f.Domain)
	}
	return check.Finding{Subject: name.String(), Params: params, Record: f.Record}
}

// change replaces the text at the record's name.
func (f *Facts) change(old, new []string) *check.Fix {
	return &check.Fix{Records: []check.RecordChange{{Name: f.RecordName.FQDN(), Type: "TXT", Old: old, New: new}}}
}

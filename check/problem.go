package check

// Problem is one thing wrong with a text, as a parser met it, named by the rule
// that reports it.
type Problem struct {
	Rule    string
	Variant string
	Span    *Span // in the text parsed; nil for the whole
	Line    int   // of a file, from 1; 0 where none is meant
	Params  Params
	Scope   string
}

// MaxPerText bounds the findings of one rule over one text.
const MaxPerText = 5

// Problems reports those problems that bear the rule's ID, the first MaxPerText
// of them. at gives the finding for the place of each, which gets the rest.
func (r *Reporter) Problems(id string, problems []Problem, at func(*Problem) Finding) {
	n := 0
	for i := range problems {
		p := &problems[i]
		if p.Rule != id || n == MaxPerText {
			continue
		}
		n++
		f := at(p)
		f.Variant, f.Params, f.Scope = p.Variant, p.Params, p.Scope
		r.Report(f)
	}
}

// Stage tells of facts that are gathered one after the other whether a step was
// reached, and where that could not be told, why.
type Stage[F any] func(F) (reached bool, cause error)

// Applies is the Applies of a rule over what the step brought: it was reached,
// or nobody could tell.
func (s Stage[F]) Applies(f F) bool {
	reached, cause := s(f)
	return reached || cause != nil
}

// Judge makes the Run of such a rule: unknown where the step could not be told,
// the judgement otherwise.
func (s Stage[F]) Judge(run func(F, *Reporter)) func(F, *Reporter) {
	return func(f F, r *Reporter) {
		if _, cause := s(f); cause != nil {
			r.Unknown(cause)
			return
		}
		run(f, r)
	}
}

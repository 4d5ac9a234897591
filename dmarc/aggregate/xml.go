package aggregate

import (
	"bufio"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// namespace of RFC 9990 reports (its IANA considerations).
const namespace = "urn:ietf:params:xml:ns:dmarc-2.0"

// node is an element of a report, by its place.
type node uint8

const (
	nSkip node = iota // unknown, an extension: all below it too
	nDocument
	nFeedback
	nMetadata
	nRange
	nPolicy
	nRecord
	nRow
	nEvaluated
	nReason
	nIdentifiers
	nAuth
	nDKIM
	nSPF
	nLeaf // the ones after it hold text
	nVersion
	nOrg
	nEmail
	nID
	nError
	nGenerator
	nBegin
	nEnd
	nDomain
	nP
	nSP
	nNP
	nADKIM
	nASPF
	nTesting
	nPct
	nMethod
	nAddr
	nCount
	nDisposition
	nEvalDKIM
	nEvalSPF
	nReasonType
	nComment
	nHeaderFrom
	nEnvelopeFrom
	nDKIMDomain
	nSelector
	nDKIMResult
	nSPFDomain
	nScope
	nSPFResult
)

// tree is where the elements stand (RFC 9990 §3.1.1). Order is not asked for.
var tree = map[node]map[string]node{
	nDocument: {"feedback": nFeedback},
	nFeedback: {"version": nVersion, "report_metadata": nMetadata, "policy_published": nPolicy, "record": nRecord},
	nMetadata: {"org_name": nOrg, "email": nEmail, "report_id": nID, "date_range": nRange, "error": nError, "generator": nGenerator},
	nRange:    {"begin": nBegin, "end": nEnd},
	nPolicy: {"domain": nDomain, "p": nP, "sp": nSP, "np": nNP, "adkim": nADKIM, "aspf": nASPF, "testing": nTesting,
		"pct": nPct, "discovery_method": nMethod},
	nRecord:      {"row": nRow, "identifiers": nIdentifiers, "identities": nIdentifiers, "auth_results": nAuth},
	nRow:         {"source_ip": nAddr, "count": nCount, "policy_evaluated": nEvaluated},
	nEvaluated:   {"disposition": nDisposition, "dkim": nEvalDKIM, "spf": nEvalSPF, "reason": nReason},
	nReason:      {"type": nReasonType, "comment": nComment},
	nIdentifiers: {"header_from": nHeaderFrom, "envelope_from": nEnvelopeFrom},
	nAuth:        {"dkim": nDKIM, "spf": nSPF},
	nDKIM:        {"domain": nDKIMDomain, "selector": nSelector, "result": nDKIMResult},
	nSPF:         {"domain": nSPFDomain, "scope": nScope, "result": nSPFResult},
}

// tokens bounds what one token may take: the decoder holds a text whole.
type tokens struct {
	r    *bufio.Reader
	left int
}

func (t *tokens) ReadByte() (byte, error) {
	if t.left--; t.left < 0 {
		return 0, tooMuch("a tag or text is longer than %d KiB", maxToken>>10)
	}
	return t.r.ReadByte()
}

func (t *tokens) Read([]byte) (int, error) { return 0, errors.ErrUnsupported } // the decoder reads bytes

// parser reads one report.
type parser struct {
	ctx   context.Context
	dec   *xml.Decoder
	in    *tokens
	names names
	rows  int // allowed
	each  func(*Row) error

	rep    *Report
	row    Row
	open   []xml.Name // elements that are open, with their prefix
	places []node
	text   []byte
	seen   struct{ evalDKIM, evalSPF, count bool }
	modern bool // has an element that only RFC 9990 knows
}

// parse reads the XML of a report, which is UTF-8 by now, and calls each for
// every row.
func parse(ctx context.Context, r io.Reader, n names, rows int, each func(*Row) error) (*Report, error) {
	in := &tokens{r: bufio.NewReaderSize(r, 32<<10)}
	p := &parser{ctx: ctx, in: in, names: n, rows: rows, each: each, rep: &Report{Policy: Policy{Pct: 100}}, places: []node{nDocument}}
	p.dec = xml.NewDecoder(in)
	p.dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	if err := p.run(); err != nil {
		e, isSyntax := errors.AsType[*xml.SyntaxError](err)
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), isSyntax && e.Msg == "unexpected EOF":
			err = errors.New("it is cut short")
		case isSyntax:
			err = errors.New(e.Msg)
		}
		if _, ours := errors.AsType[*stop](err); ours || ctx.Err() != nil {
			return nil, err
		}
		line, _ := p.dec.InputPos()
		return nil, fmt.Errorf("line %d: %w", line, err)
	}
	return p.rep, p.finish()
}

// stop is an error of the caller's own function: it is handed back, not blamed
// on the report.
type stop struct{ err error }

func (s *stop) Error() string { return s.err.Error() }
func (s *stop) Unwrap() error { return s.err }

func (p *parser) run() error {
	for n := 0; ; n++ {
		if n%4096 == 0 && p.ctx.Err() != nil {
			return p.ctx.Err()
		}
		p.in.left = maxToken
		tok, err := p.dec.RawToken()
		switch {
		case errors.Is(err, io.EOF) && len(p.open) == 0 && p.rep.Format != "":
			return nil
		case errors.Is(err, io.EOF) && len(p.open) == 0:
			return errors.New("there is no element in it")
		case err != nil:
			return err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			err = p.start(t)
		case xml.EndElement:
			err = p.end(t.Name)
		case xml.CharData:
			if at := p.places[len(p.places)-1]; at > nLeaf && len(p.text) < maxField {
				p.text = append(p.text, t...)
			}
		case xml.Directive: // a DOCTYPE could define entities; no report has one
			err = errors.New("it has a document type declaration, which no report needs")
		}
		if err != nil {
			return err
		}
	}
}

func (p *parser) start(t xml.StartElement) error {
	if len(p.open) >= maxDepth {
		return tooMuch("elements are nested deeper than %d", maxDepth)
	}
	at := p.places[len(p.places)-1]
	to, ok := tree[at][t.Name.Local]
	if !ok {
		to = tree[at][strings.ToLower(t.Name.Local)] // nSkip where unknown
	}
	if at == nDocument {
		if to != nFeedback {
			return fmt.Errorf("its element is <%s>, a DMARC aggregate report has <feedback>", clip([]byte(t.Name.Local)))
		}
		if p.rep.Format != "" {
			return errors.New("it goes on after the end of the report")
		}
		p.rep.Format = RFC7489
		for _, a := range t.Attr {
			if a.Value == namespace && (a.Name.Local == "xmlns" || a.Name.Space == "xmlns") {
				p.rep.Format = RFC9990
			}
		}
	}
	p.open = append(p.open, t.Name)
	p.places = append(p.places, to)
	p.text = p.text[:0]
	switch to {
	case nRecord:
		p.row = Row{Reasons: p.row.Reasons[:0], Signatures: p.row.Signatures[:0], SPFChecks: p.row.SPFChecks[:0]}
		p.seen.evalDKIM, p.seen.evalSPF, p.seen.count = false, false, false
	case nReason:
		p.row.Reasons = add(p.row.Reasons, Reason{}, maxReasons)
	case nDKIM:
		p.row.Signatures = add(p.row.Signatures, Signature{}, maxSignatures)
	case nSPF:
		p.row.SPFChecks = add(p.row.SPFChecks, SPFCheck{}, maxSPF)
	}
	return nil
}

// add appends up to a limit; what comes after overwrites the last.
func add[T any](list []T, v T, limit int) []T {
	if len(list) >= limit {
		list[limit-1] = v
		return list
	}
	return append(list, v)
}

func (p *parser) end(name xml.Name) error {
	if len(p.open) == 0 || p.open[len(p.open)-1] != name {
		return fmt.Errorf("</%s> closes what is not open", clip([]byte(name.Local)))
	}
	at := p.places[len(p.places)-1]
	p.open, p.places = p.open[:len(p.open)-1], p.places[:len(p.places)-1]
	if at > nLeaf {
		p.leaf(at, p.text)
		p.text = p.text[:0]
	}
	if at == nRecord {
		return p.record()
	}
	return nil
}

// record hands over the row that has just ended.
func (p *parser) record() error {
	if !p.seen.count {
		p.rep.BadRows++
		return nil
	}
	if p.rep.Rows >= p.rows {
		return tooMuch("it has more than %d rows", p.rows)
	}
	p.rep.Rows++
	p.rep.Messages += p.row.Count
	// Where the evaluation is left out, the results tell what it must have been.
	if !p.seen.evalDKIM {
		for _, s := range p.row.Signatures {
			p.row.DKIM = p.row.DKIM || s.Result == "pass" && within(s.Domain, p.row.HeaderFrom)
		}
	}
	if !p.seen.evalSPF {
		for _, s := range p.row.SPFChecks {
			p.row.SPF = p.row.SPF || s.Result == "pass" && s.Scope != "helo" && within(s.Domain, p.row.HeaderFrom)
		}
	}
	if err := p.each(&p.row); err != nil {
		return &stop{err}
	}
	return nil
}

// finish says what a report cannot do without.
func (p *parser) finish() error {
	r := p.rep
	if p.modern {
		r.Format = RFC9990
	}
	switch {
	case r.Policy.Domain == "":
		return errors.New("it names no policy domain")
	case r.Begin.IsZero():
		return errors.New("it has no date range that can be read")
	}
	if r.End.IsZero() || r.End.Before(r.Begin) {
		r.End = r.Begin.Add(24*time.Hour - time.Second)
	}
	return nil
}

// leaf takes the text of an element.
func (p *parser) leaf(at node, text []byte) {
	r, pol, row := p.rep, &p.rep.Policy, &p.row
	switch at {
	case nVersion:
		r.Version = clip(text)
	case nOrg:
		r.Org = clip(text)
	case nEmail:
		r.Email = clip(text)
	case nID:
		r.ID = clip(text)
	case nError:
		r.Errors = add(r.Errors, clip(text), maxErrors)
	case nGenerator:
		r.Generator = clip(text)
	case nBegin:
		r.Begin = atMoment(text)
	case nEnd:
		r.End = atMoment(text)
	case nDomain:
		pol.Domain = p.names.name(text)
	case nP:
		pol.P = policies.word(string(text))
	case nSP:
		pol.SP = policies.word(string(text))
	case nNP:
		pol.NP = policies.word(string(text))
	case nADKIM:
		pol.ADKIM = modes.word(string(text))
	case nASPF:
		pol.ASPF = modes.word(string(text))
	case nTesting:
		pol.Testing, p.modern = flags.word(string(text)), true
	case nMethod:
		pol.DiscoveryMethod, p.modern = methods.word(string(text)), true
	case nPct:
		if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && n >= 0 && n <= 100 {
			pol.Pct = n
		}
	case nAddr:
		row.Addr = address(string(text))
	case nCount:
		row.Count, p.seen.count = count(string(text))
	case nDisposition:
		row.Disposition = dispositions.word(string(text))
	case nEvalDKIM:
		row.DKIM, p.seen.evalDKIM = dkimResults.word(string(text)) == "pass", len(text) > 0
	case nEvalSPF:
		row.SPF, p.seen.evalSPF = spfResults.word(string(text)) == "pass", len(text) > 0
	case nReasonType:
		row.Reasons[len(row.Reasons)-1].Type = reasons.word(string(text))
	case nComment:
		row.Reasons[len(row.Reasons)-1].Comment = clip(text)
	case nHeaderFrom:
		row.HeaderFrom = p.names.name(text)
	case nEnvelopeFrom:
		row.EnvelopeFrom = p.names.name(text)
	case nDKIMDomain:
		row.Signatures[len(row.Signatures)-1].Domain = p.names.name(text)
	case nSelector:
		row.Signatures[len(row.Signatures)-1].Selector = strings.ToLower(clip(text))
	case nDKIMResult:
		row.Signatures[len(row.Signatures)-1].Result = dkimResults.word(string(text))
	case nSPFDomain:
		row.SPFChecks[len(row.SPFChecks)-1].Domain = p.names.name(text)
	case nScope:
		row.SPFChecks[len(row.SPFChecks)-1].Scope = scopes.word(string(text))
	case nSPFResult:
		row.SPFChecks[len(row.SPFChecks)-1].Result = spfResults.word(string(text))
	}
}

// atMoment gives no time for one that cannot be: a year of five digits would
// not even print.
func atMoment(text []byte) time.Time {
	t, ok := moment(string(text))
	if !ok {
		return time.Time{}
	}
	return t
}

package lint

import (
	"fmt"
	"math/big"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/postseal/postseal/dns"
)

// hclFile is a Terraform file that waits for the others of its folder: names
// of zones and locals may stand in any of them.
type hclFile struct {
	path   string
	body   *hclsyntax.Body
	origin dns.Name
}

// Bounds of source: the parser calls itself for what is nested, and text that
// is made of text grows fast.
const (
	maxHCL     = 1 << 20 // octets of a file
	maxNesting = 100     // brackets within brackets
	maxExpr    = 64 << 10
	maxLocal   = 4 << 10 // octets of a local that others may use

	maxOperators = 1000 // of one expression
)

// tooDeep is a look before the parser's, at words alone: brackets within
// brackets, and operators of one expression, each of which may nest another.
func tooDeep(data []byte) bool {
	tokens, _ := hclsyntax.LexConfig(data, "", hcl.InitialPos)
	var open []hclsyntax.TokenType
	operators := 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			open = append(open, t.Type)
			operators++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc,
			hclsyntax.TokenTemplateSeqEnd:
			open = open[:max(0, len(open)-1)]
		case hclsyntax.TokenComma:
			operators = 0
		case hclsyntax.TokenNewline:
			// Within parentheses and square brackets an expression goes on.
			if len(open) == 0 || open[len(open)-1] == hclsyntax.TokenOBrace {
				operators = 0
			}
		case hclsyntax.TokenIdent, hclsyntax.TokenNumberLit, hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit, hclsyntax.TokenComment:
		default:
			operators++
		}
		if len(open) > maxNesting || operators > maxOperators {
			return true
		}
	}
	return false
}

func (r *reader) addHCL(data []byte, path string, origin dns.Name) error {
	if len(data) > maxHCL || tooDeep(data) {
		return errorAt(Location{File: path}, "the file is too large or nested too deep")
	}
	f, diags := hclsyntax.ParseConfig(data, path, hcl.InitialPos)
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		at := Location{File: path}
		if d.Subject != nil {
			at = Location{path, d.Subject.Start.Line, d.Subject.Start.Column}
		}
		return errorAt(at, "%s: %s", d.Summary, strings.ToLower(firstSentence(d.Detail)))
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		return errorAt(Location{File: path}, "this is no Terraform source")
	}
	r.hcl = append(r.hcl, hclFile{path, body, origin})
	return nil
}

func firstSentence(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	s, _, _ = strings.Cut(s, ". ")
	return strings.TrimSuffix(s, ".")
}

// module is one folder of Terraform source.
type module struct {
	ctx   *hcl.EvalContext
	zones map[string]dns.Name // by address: "aws_route53_zone.main", "data.cloudflare_zone.x"
}

// finishHCL reads the resources once all files are known.
func (r *reader) finishHCL() error {
	modules := map[string]*module{}
	for _, f := range r.hcl {
		dir := filepath.Dir(f.path)
		if modules[dir] == nil {
			modules[dir] = r.module(dir)
		}
		count := r.records() + len(r.set.Unread)
		for _, b := range f.body.Blocks {
			if b.Type == "resource" && len(b.Labels) == 2 && systems[b.Labels[0]] != "" {
				r.set.publish(modules[dir].resource(b, f), HCL)
			}
		}
		if r.records()+len(r.set.Unread) > count {
			r.set.Files = append(r.set.Files, f.path)
		}
	}
	return nil
}

// maxLocals is how many times locals are gone through for those that name
// other locals.
const maxLocals = 10

// module reads the locals and zones of a folder. Variables are left out: a
// default is only one of the values that a run may give them.
func (r *reader) module(dir string) *module {
	m := &module{zones: map[string]dns.Name{}}
	locals := map[string]hclsyntax.Expression{}
	known := map[string]cty.Value{}
	for _, f := range r.hcl {
		if filepath.Dir(f.path) != dir {
			continue
		}
		for _, b := range f.body.Blocks {
			if b.Type == "locals" {
				for name, a := range b.Body.Attributes {
					locals[name] = a.Expr
				}
			}
		}
	}
	for range maxLocals {
		before := len(known)
		m.ctx = &hcl.EvalContext{Variables: map[string]cty.Value{"local": cty.ObjectVal(known)}}
		for name, expr := range locals {
			if _, ok := known[name]; ok {
				continue
			}
			if bounded(expr) {
				if v, diags := expr.Value(m.ctx); !diags.HasErrors() && v.IsWhollyKnown() && small(v) {
					known[name] = v
				}
			}
		}
		if len(known) == before {
			break
		}
	}
	m.ctx = &hcl.EvalContext{Variables: map[string]cty.Value{"local": cty.ObjectVal(known)}}
	for _, f := range r.hcl {
		if filepath.Dir(f.path) != dir {
			continue
		}
		for _, b := range f.body.Blocks {
			if len(b.Labels) != 2 {
				continue
			}
			address := b.Labels[0] + "." + b.Labels[1]
			if b.Type == "data" {
				address = "data." + address
			}
			for _, attr := range zoneKinds[b.Labels[0]] {
				if a := b.Body.Attributes[attr]; a != nil {
					if v := m.value(a.Expr, f.path); v.known && v.text != "" {
						m.zones[address] = absolute(v.text)
					}
				}
			}
		}
	}
	return m
}

func (m *module) resource(b *hclsyntax.Block, f hclFile) *resource {
	start := b.DefRange().Start
	res := &resource{
		address: b.Labels[0] + "." + b.Labels[1], kind: b.Labels[0], at: Location{f.path, start.Line, start.Column}, zone: f.origin,
		attrs: m.body(b.Body, f.path),
	}
	for name, a := range b.Body.Attributes {
		switch name {
		case "count":
			// One, always, is what no count means.
			if v := m.value(a.Expr, f.path); !v.known || v.text != "1" {
				res.repeated = true
			}
		case "for_each":
			res.repeated = true
		case "zone_id", "managed_zone", "zone_name":
			for _, t := range a.Expr.Variables() {
				if z := m.zones[addressOf(t)]; z != "" {
					res.zone = z
					delete(res.attrs.attrs, "zone_name")
				}
			}
		}
	}
	return res
}

// addressOf is the resource that a reference names.
func addressOf(t hcl.Traversal) string {
	var parts []string
	for _, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			parts = append(parts, s.Name)
		case hcl.TraverseAttr:
			parts = append(parts, s.Name)
		default:
			return strings.Join(parts, ".")
		}
		if len(parts) == 2 && parts[0] != "data" || len(parts) == 3 {
			break
		}
	}
	return strings.Join(parts, ".")
}

// body reads attributes and blocks; blocks of one name become a list.
func (m *module) body(b *hclsyntax.Body, path string) value {
	at := b.SrcRange.Start
	out := value{known: true, attrs: map[string]value{}, at: Location{path, at.Line, at.Column}}
	for name, a := range b.Attributes {
		out.attrs[name] = m.value(a.Expr, path)
	}
	for _, inner := range b.Blocks {
		list := out.attrs[inner.Type]
		list.known = true
		if inner.Type == "dynamic" && len(inner.Labels) == 1 {
			out.attrs[inner.Labels[0]] = value{}
			continue
		}
		list.list = append(list.list, m.body(inner.Body, path))
		out.attrs[inner.Type] = list
	}
	return out
}

// value evaluates an expression; the items of a written list one by one, so
// that each has its place.
func (m *module) value(expr hclsyntax.Expression, path string) value {
	start := expr.Range().Start
	at := Location{path, start.Line, start.Column}
	if tuple, ok := expr.(*hclsyntax.TupleConsExpr); ok {
		out := value{known: true, at: at}
		for _, e := range tuple.Exprs {
			out.list = append(out.list, m.value(e, path))
		}
		return out
	}
	if !bounded(expr) {
		return value{at: at}
	}
	v, diags := expr.Value(m.ctx)
	if diags.HasErrors() || !v.IsWhollyKnown() {
		return value{at: at}
	}
	return ctyValue(v, at)
}

// bounded tells that an expression is short and has no loop.
func bounded(expr hclsyntax.Expression) bool {
	if r := expr.Range(); r.End.Byte-r.Start.Byte > maxExpr {
		return false
	}
	loop := false
	hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n.(type) {
		case *hclsyntax.ForExpr, *hclsyntax.SplatExpr:
			loop = true
		}
		return nil
	})
	return !loop
}

// small tells that a value cannot grow much where others use it.
func small(v cty.Value) bool {
	n := 0
	err := cty.Walk(v, func(_ cty.Path, part cty.Value) (bool, error) {
		n++
		if !part.IsNull() && part.Type() == cty.String {
			n += len(part.AsString())
		}
		return n <= maxLocal, nil
	})
	return err == nil && n <= maxLocal
}

func ctyValue(v cty.Value, at Location) value {
	out := value{known: true, at: at}
	switch t := v.Type(); {
	case v.IsNull():
		out.null = true
	case t == cty.String:
		out.text = v.AsString()
	case t == cty.Bool:
		out.text = fmt.Sprint(v.True())
	case t == cty.Number:
		out.text = number(v.AsBigFloat())
	case t.IsListType() || t.IsSetType() || t.IsTupleType():
		for it := v.ElementIterator(); it.Next(); {
			_, item := it.Element()
			out.list = append(out.list, ctyValue(item, at))
		}
	case t.IsObjectType() || t.IsMapType():
		out.attrs = map[string]value{}
		for it := v.ElementIterator(); it.Next(); {
			k, item := it.Element()
			out.attrs[k.AsString()] = ctyValue(item, at)
		}
	default:
		out.known = false
	}
	return out
}

func number(f *big.Float) string {
	if f.IsInt() {
		return f.Text('f', 0)
	}
	return f.String()
}

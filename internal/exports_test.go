package internal_test

import (
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// TestExports: a function, method or variable that no other package names has
// no reason to be exported. Names that tests of another package use count as
// used. Types are left out, because a field shows them without naming them, and
// so are constants, which say what a field can hold.
func TestExports(t *testing.T) {
	if testing.Short() {
		t.Skip("type-checks the whole module")
	}
	pkgs, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedDeps |
			packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo,
		Tests: true, Dir: "..", BuildFlags: []string{"-tags=e2e,browser"},
	}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	defined, used := map[string]string{}, map[string]bool{}
	interfaces := methodsOfInterfaces(pkgs)
	for _, p := range pkgs {
		for id, o := range p.TypesInfo.Defs {
			at := p.Fset.Position(id.Pos())
			if o == nil || !o.Exported() || o.Pkg() == nil || strings.HasSuffix(at.Filename, "_test.go") {
				continue
			}
			if name, ok := exported(o, interfaces); ok {
				defined[name] = at.String()
			}
		}
		for _, o := range p.TypesInfo.Uses {
			if o == nil || o.Pkg() == nil || folder(o.Pkg().Path()) == folder(p.PkgPath) && !strings.HasSuffix(p.Name, "_test") {
				continue
			}
			if name, ok := exported(o, interfaces); ok {
				used[name] = true
			}
		}
	}
	if len(defined) < 300 || len(used) < 300 {
		t.Fatalf("only %d names and %d uses were seen: the test does not read the module", len(defined), len(used))
	}
	for _, name := range slices.Sorted(maps.Keys(defined)) {
		if !used[name] {
			t.Errorf("%s: no other package uses %s", defined[name], strings.TrimPrefix(name, module))
		}
	}
}

// exported names a function or variable of a package, or a method; ok is false
// for other objects and for methods whose name an interface may call.
func exported(o types.Object, interfaces map[string]bool) (name string, ok bool) {
	path := folder(o.Pkg().Path())
	switch o := o.(type) {
	case *types.Func:
		recv := o.Signature().Recv()
		if recv == nil {
			return path + "." + o.Name(), true
		}
		t := recv.Type()
		if p, ok := t.(*types.Pointer); ok {
			t = p.Elem()
		}
		named, ok := t.(*types.Named)
		if !ok || types.IsInterface(named) || interfaces[o.Name()] || !named.Obj().Exported() {
			return "", false
		}
		return path + "." + named.Obj().Name() + "." + o.Name(), true
	case *types.Var:
		return path + "." + o.Name(), !o.IsField() && o.Parent() == o.Pkg().Scope()
	}
	return "", false
}

// methodsOfInterfaces are the names of the methods that interfaces have, in
// this module and in all it imports.
func methodsOfInterfaces(pkgs []*packages.Package) map[string]bool {
	names := map[string]bool{}
	packages.Visit(pkgs, nil, func(p *packages.Package) {
		if p.Types == nil {
			return
		}
		if p.TypesInfo != nil { // those without a name too
			for _, tv := range p.TypesInfo.Types {
				addMethods(names, tv.Type)
			}
			return
		}
		for _, n := range p.Types.Scope().Names() {
			addMethods(names, p.Types.Scope().Lookup(n).Type())
		}
	})
	return names
}

func addMethods(names map[string]bool, t types.Type) {
	if i, ok := t.Underlying().(*types.Interface); ok {
		for m := range i.Methods() {
			names[m.Name()] = true
		}
	}
}

// folder is the path of a package without what go list adds for tests.
func folder(path string) string {
	path, _, _ = strings.Cut(path, " ")
	return strings.TrimSuffix(strings.TrimSuffix(path, ".test"), "_test")
}

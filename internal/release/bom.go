package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The bill of materials is CycloneDX 1.6 in JSON.

type bomDocument struct {
	Schema       string          `json:"$schema"`
	Format       string          `json:"bomFormat"`
	Spec         string          `json:"specVersion"`
	Serial       string          `json:"serialNumber"`
	Version      int             `json:"version"`
	Metadata     bomMetadata     `json:"metadata"`
	Components   []bomComponent  `json:"components"`
	Dependencies []bomDependency `json:"dependencies"`
}

type bomMetadata struct {
	Timestamp string       `json:"timestamp"`
	Component bomComponent `json:"component"`
}

type bomComponent struct {
	Type       string        `json:"type"`
	Ref        string        `json:"bom-ref"`
	Name       string        `json:"name"`
	Version    string        `json:"version"`
	Scope      string        `json:"scope,omitempty"`
	Hashes     []bomHash     `json:"hashes,omitempty"`
	Licences   []bomLicence  `json:"licenses"`
	PURL       string        `json:"purl"`
	Properties []bomProperty `json:"properties,omitempty"`
}

type bomHash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type bomLicence struct {
	Expression string `json:"expression"`
}

type bomProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type bomDependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// bom lists what is in one binary, with who needs whom.
func bom(s *source, t target, program []byte, modules []module, graph map[string][]string) ([]byte, error) {
	sum := sha256.Sum256(program)
	app := bomComponent{
		Type: "application", Name: "postseal", Version: s.version,
		Hashes: []bomHash{{"SHA-256", hex.EncodeToString(sum[:])}}, Licences: []bomLicence{{"MIT"}},
		PURL: purl(mainModule, s.version),
		Properties: []bomProperty{
			{"postseal:file", t.exe()}, {"postseal:platform", t.String()}, {"postseal:vcs.revision", s.commit},
		},
	}
	app.Ref = app.PURL
	doc := bomDocument{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1,
		Serial:   serial(sum),
		Metadata: bomMetadata{Timestamp: s.at.Format(time.RFC3339), Component: app},
	}
	refs := map[string]string{mainModule: app.Ref}
	for _, m := range modules {
		c := bomComponent{
			Type: "library", Name: m.path, Version: m.version, Scope: "required",
			Licences: []bomLicence{{m.licence}}, PURL: purl(m.path, m.version),
		}
		if m.sum != "" {
			// It is the hash of a module's list of hashes: no file has it.
			c.Properties = []bomProperty{{"postseal:go.sum", m.sum}}
		}
		c.Ref = c.PURL
		refs[m.path] = c.Ref
		doc.Components = append(doc.Components, c)
	}
	for _, from := range append([]string{mainModule}, paths(modules)...) {
		d := bomDependency{Ref: refs[from], DependsOn: []string{}}
		for _, to := range graph[from] {
			ref, ok := refs[to]
			if !ok {
				return nil, fmt.Errorf("%s needs %s, which is not in the binary", from, to)
			}
			d.DependsOn = append(d.DependsOn, ref)
		}
		slices.Sort(d.DependsOn)
		doc.Dependencies = append(doc.Dependencies, d)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(doc)
	return b.Bytes(), err
}

const mainModule = "github.com/postseal/postseal"

func paths(modules []module) []string {
	var list []string
	for _, m := range modules {
		list = append(list, m.path)
	}
	return list
}

// purl is the name that lists of vulnerabilities know a module by. Names of the
// type golang are in lower case, and so the versions of a module are one name.
func purl(path, version string) string {
	return "pkg:golang/" + strings.ToLower(path) + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// serial is a UUID (RFC 9562 §5.8, version 8) of the binary's own making: another
// one at each run would be another file at each run.
func serial(sum [32]byte) string {
	u := [16]byte(sum[:16])
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// graph says which module needs which, by the packages that are compiled in.
func (s *source) graph(ctx context.Context, t target) (map[string][]string, error) {
	packages, err := s.list(ctx, t)
	if err != nil {
		return nil, err
	}
	home := map[string]string{} // of a package
	for _, p := range packages {
		switch {
		case p.Standard:
			home[p.ImportPath] = stdlib
		case p.Module != nil:
			home[p.ImportPath] = p.Module.Path
		}
	}
	needs := map[string][]string{}
	for _, p := range packages {
		from := home[p.ImportPath]
		for _, i := range p.Imports {
			to := home[i]
			if to == "" || to == from || from == stdlib || slices.Contains(needs[from], to) {
				continue // "C", "unsafe", and what the library imports of its own copies
			}
			needs[from] = append(needs[from], to)
		}
	}
	return needs, nil
}

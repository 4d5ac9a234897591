package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

// module is one that is linked into a binary, with what its authors ask to be
// handed on with it.
type module struct {
	path, version, sum string
	licence            string // SPDX expression
	texts              []text
}

type text struct{ name, body string }

// stdlib stands for Go's own library, which is in every binary.
const stdlib = "std"

// legal are the names of the files that go with a binary.
var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)(\.(md|txt))?$`)

// modules reads the modules that the command needs on any platform.
func (s *source) modules(ctx context.Context) (map[string]module, error) {
	all := map[string]module{}
	add := func(path, version, dir string) error {
		if _, ok := all[path]; ok || dir == "" {
			return nil
		}
		m := module{path: path, version: version}
		files, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, f := range files {
			if !legal.MatchString(f.Name()) || !f.Type().IsRegular() {
				continue
			}
			b, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				return err
			}
			m.texts = append(m.texts, text{f.Name(), strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n"))})
		}
		m.licence, err = classify(m.texts)
		if err != nil {
			return fmt.Errorf("%s %s: %w", path, version, err)
		}
		all[path] = m
		return nil
	}
	for _, t := range targets {
		packages, err := s.list(ctx, t)
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			if p.Module == nil || p.Module.Main {
				continue
			}
			if err := add(p.Module.Path, p.Module.Version, p.Module.Dir); err != nil {
				return nil, err
			}
		}
	}
	out, err := s.output(ctx, s.dir, nil, "go", "env", "GOROOT", "GOVERSION")
	if err != nil {
		return nil, err
	}
	env := strings.Fields(string(out))
	if len(env) != 2 {
		return nil, fmt.Errorf("go env says %q", out)
	}
	return all, add(stdlib, strings.TrimPrefix(env[1], "go"), env[0])
}

// goPackage is what 'go list -json' says of a package.
type goPackage struct {
	ImportPath string
	Imports    []string
	Standard   bool
	Module     *struct {
		Path, Version, Dir string
		Main               bool
	}
}

func (s *source) list(ctx context.Context, t target) ([]goPackage, error) {
	out, err := s.output(ctx, s.dir, goEnv(t), "go", "list", "-deps", "-json=ImportPath,Imports,Standard,Module", "./cmd/postseal")
	if err != nil {
		return nil, err
	}
	var packages []goPackage
	d := json.NewDecoder(bytes.NewReader(out))
	for {
		var p goPackage
		if err := d.Decode(&p); err == io.EOF {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
}

// linked are the modules of one binary, in the order of their names. A module
// without a known licence is no part of a release.
func linked(info *debug.BuildInfo, all map[string]module) ([]module, error) {
	list := []module{all[stdlib]}
	for _, d := range info.Deps {
		m, ok := all[d.Path]
		if !ok || m.version != d.Version {
			return nil, fmt.Errorf("%s %s is in the binary, and its licence was not read", d.Path, d.Version)
		}
		m.sum = d.Sum
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return list, nil
}

// marks are phrases that only the text of one licence has. Line breaks and the
// number of spaces are left to those who copy it.
var marks = []struct{ phrase, id string }{
	{"mozilla public license, version 2.0", "MPL-2.0"},
	{"apache license version 2.0, january 2004", "Apache-2.0"},
	{"licensed under the apache license, version 2.0", "Apache-2.0"},
	{"permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the \"software\")", "MIT"},
	{"unicode, inc. license agreement - data files and software", "Unicode-DFS-2016"},
	{"redistribution and use in source and binary forms", "BSD"},
}

// classify gives the SPDX expression of a module's licence files. Whoever puts
// several licences into them means all of them, each for its part.
func classify(texts []text) (string, error) {
	var ids []string
	for _, t := range texts {
		name := strings.ToLower(t.name)
		if strings.HasPrefix(name, "notice") || strings.HasPrefix(name, "patents") {
			continue
		}
		body := strings.ToLower(strings.Join(strings.Fields(t.body), " "))
		for _, m := range marks {
			if !strings.Contains(body, m.phrase) {
				continue
			}
			id := m.id
			if id == "BSD" {
				if id = "BSD-2-Clause"; strings.Contains(body, "neither the name") {
					id = "BSD-3-Clause"
				}
			}
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return "", fmt.Errorf("no licence that is known here")
	}
	slices.Sort(ids)
	return strings.Join(ids, " AND "), nil
}

// licenceTexts is the file that goes with a binary: the licences of what is
// linked ask for their text.
func licenceTexts(modules []module) []byte {
	var b bytes.Buffer
	b.WriteString("postseal is under the licence in LICENSE. These modules are part of its binary:\n\n")
	for _, m := range modules {
		fmt.Fprintf(&b, "  %s %s (%s)\n", m.path, m.version, m.licence)
	}
	for _, m := range modules {
		for _, t := range m.texts {
			fmt.Fprintf(&b, "\n%s\n%s %s: %s\n\n%s\n", strings.Repeat("=", 80), m.path, m.version, t.name, t.body)
		}
	}
	return b.Bytes()
}

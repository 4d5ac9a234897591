package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// nfpm writes the packages. It is fetched as a Go module, which its checksum in
// Go's database of them is compared with; later versions need modules that not
// every proxy has.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.44.1"

// linuxPackages makes .deb, .rpm and .apk of the files of the archive and of the
// units in packaging/systemd.
func (s *source) linuxPackages(ctx context.Context, t target, files []file, dist, stage string) error {
	units, err := filepath.Glob(filepath.Join(s.dir, "packaging", "systemd", "*"))
	if err != nil {
		return err
	}
	var copyright bytes.Buffer
	for _, f := range files {
		if f.name == "LICENSE" || f.name == "THIRD_PARTY_LICENSES.txt" {
			copyright.Write(f.data)
			copyright.WriteString("\n")
		}
	}
	files = append(files[:len(files):len(files)], file{"copyright", 0o644, copyright.Bytes()})
	for _, path := range units {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files = append(files, file{"systemd/" + filepath.Base(path), 0o644, b})
	}
	root := filepath.Join(stage, "package")
	for _, f := range files {
		if err := s.place(root, f); err != nil {
			return err
		}
	}
	config, err := s.packageConfig(t)
	if err != nil {
		return err
	}
	if err := s.place(root, file{"nfpm.yaml", 0o644, config}); err != nil {
		return err
	}
	for _, kind := range []string{"deb", "rpm", "apk"} {
		to := filepath.Join(dist, t.base()+"."+kind)
		dated := []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", s.at.Unix())}
		if _, err := s.output(ctx, root, dated, "go", "run", nfpm, "package", "--packager", kind, "--target", to); err != nil {
			return err
		}
	}
	return nil
}

// place writes a file with the date of the commit, which packages take over.
func (s *source) place(root string, f file) error {
	path := filepath.Join(root, filepath.FromSlash(f.name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, f.data, f.mode); err != nil {
		return err
	}
	return os.Chtimes(path, s.at, s.at)
}

// packageConfig fills in packaging/nfpm.yaml. Who answers for the packages and
// where they are from is the word of whoever makes them.
func (s *source) packageConfig(t target) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, "packaging", "nfpm.yaml"))
	if err != nil {
		return nil, err
	}
	values := map[string]string{
		"ARCH": t.arch, "VERSION": strings.TrimPrefix(s.version, "v"), "DATE": s.at.Format(time.RFC3339),
		"MAINTAINER": cmp.Or(os.Getenv("POSTSEAL_MAINTAINER"), "The postseal authors"),
		"HOMEPAGE":   os.Getenv("POSTSEAL_HOMEPAGE"),
	}
	body, comment := string(b), ""
	for strings.HasPrefix(body, "#") {
		var line string
		line, body, _ = strings.Cut(body, "\n")
		comment += line + "\n"
	}
	var unknown error
	body = os.Expand(body, func(name string) string {
		v, ok := values[name]
		if !ok {
			unknown = fmt.Errorf("packaging/nfpm.yaml has an unknown ${%s}", name)
		}
		quoted, _ := json.Marshal(v) // a string of JSON is one of YAML
		return string(quoted)
	})
	return []byte(comment + body), unknown
}

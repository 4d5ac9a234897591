package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/postseal/postseal/internal/atomicfile"
)

// WriteHTMLDir writes an index, a page for each domain, the document as JSON and
// the index's table as CSV into a directory, which it makes where it is missing. Each file is written
// whole or not at all. Links are relative, so the directory can be moved and
// served from anywhere. It gives the paths written, the index first.
func WriteHTMLDir(dir string, d *Document, opts HTMLOptions) ([]string, error) {
	d = Normalise(d)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	links := map[*Report]string{}
	taken := map[string]bool{opts.index(): true}
	for _, r := range d.Reports {
		links[r] = pageName(r.Domain, taken)
	}
	home := opts.index() + ".html"
	paths := []string{filepath.Join(dir, home)}
	if err := writeFile(paths[0], func(w io.Writer) error {
		return writePage(w, "index.html", newIndexPage(d, opts, links))
	}); err != nil {
		return nil, err
	}
	for _, r := range d.Reports {
		path := filepath.Join(dir, links[r])
		if err := writeFile(path, func(w io.Writer) error {
			return writeDomain(w, d, r, opts, home)
		}); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	table, data := filepath.Join(dir, opts.index()+".csv"), filepath.Join(dir, opts.index()+".json")
	if err := writeFile(table, func(w io.Writer) error { return writeFleetCSV(w, d) }); err != nil {
		return nil, err
	}
	if err := writeFile(data, func(w io.Writer) error { return WriteJSON(w, d) }); err != nil {
		return nil, err
	}
	return append(paths, table, data), nil
}

func writeFile(path string, write func(io.Writer) error) error {
	if err := atomicfile.Write(path, 0o644, func(f *os.File) error { return write(f) }); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// pageName is a file name for a domain that is safe on every system, whatever
// the domain is.
func pageName(domain string, taken map[string]bool) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '_'
	}, domain)
	name = strings.Trim(name, ".")
	if name == "" || len(name) > 200 {
		name = "domain"
	}
	base := name
	for i := 2; taken[name]; i++ {
		name = base + "-" + itoa(i)
	}
	taken[name] = true
	return name + ".html"
}

package main

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postseal/postseal/report"
)

// checkAssets refuses --html-assets where no page would use it, and a folder
// that cannot be made.
func (o *outputFlags) checkAssets(out *outputs) error {
	if o.assets == "" {
		return nil
	}
	if out.stdout.name != "html" && !slices.ContainsFunc(out.files, func(f outputFile) bool { return f.format.name == "html" }) {
		return usage("--html-assets is for pages: add -o html=PATH or --format html")
	}
	if err := folderCheck(o.assets); err != nil {
		return usage("--html-assets: %w", err)
	}
	return nil
}

// html are the options of pages that lie in a folder, "" the current one.
func (o *outputs) html(folder string) (report.HTMLOptions, error) {
	opts := report.HTMLOptions{Lang: string(o.lang), Index: o.index, Formats: recordFormats(o.words)}
	if o.assets == "" {
		return opts, nil
	}
	if err := report.WriteAssets(o.assets); err != nil {
		return opts, fmt.Errorf("--html-assets %s: %w", o.assets, plain(err))
	}
	from, err := filepath.Abs(folder)
	if err != nil {
		return opts, err
	}
	to, err := filepath.Abs(o.assets)
	if err != nil {
		return opts, err
	}
	rel, err := filepath.Rel(from, to)
	if err != nil {
		return opts, fmt.Errorf("--html-assets: %w", err)
	}
	// "./" keeps a colon in the first name from being read as a scheme.
	opts.Assets = "./" + escapePath(filepath.ToSlash(rel))
	return opts, nil
}

func escapePath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

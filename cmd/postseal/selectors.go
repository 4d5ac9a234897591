package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc/aggregate"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// Bounds of --selectors-from.
const (
	maxSampleFiles = 100_000
	maxSampleSize  = 64 << 20 // octets of one message or mbox
	maxHeaderSize  = 1 << 20  // octets of one message's header
	maxSelectors   = 200      // kept of one domain
	skippedShown   = 10       // files named on standard error
)

// samples reads messages and DMARC aggregate reports for the DKIM selectors of
// some domains.
type samples struct {
	found   map[dns.Name][]string
	walker  *aggregate.Walker
	files   int
	skipped int
	errs    io.Writer
	l       *locale.Localizer
}

// selectorsFrom gives the selectors that the files and folders show for each
// domain: of a message those of its signatures, whether they verify or not; of a
// report only those that passed, because anybody can invent the others. Files
// that cannot be read are named on errs and skipped.
func selectorsFrom(ctx context.Context, errs io.Writer, paths []string, domains []dns.Name, l *locale.Localizer) (map[dns.Name][]string, error) {
	r := &samples{found: map[dns.Name][]string{}, errs: errs, l: l}
	harvests := make([]*aggregate.Harvest, len(domains))
	for i, d := range domains {
		harvests[i] = &aggregate.Harvest{Domain: d}
		r.found[d] = []string{}
	}
	r.walker = &aggregate.Walker{Each: func(rep *aggregate.Report) error {
		for _, h := range harvests {
			if err := h.Add(rep); err != nil {
				return err
			}
		}
		return nil
	}}
	for _, p := range paths {
		if err := r.path(ctx, p); err != nil {
			return nil, err
		}
	}
	for _, h := range harvests {
		for _, s := range h.Selectors() {
			r.add(h.Domain, s.Name)
		}
	}
	if more := r.skipped - skippedShown; more > 0 {
		fmt.Fprintf(errs, "postseal: --selectors-from: %s\n", l.Text("exit.selectors-skipped-more", check.Params{"N": more}))
	}
	return r.found, nil
}

// observe puts into each request the selectors that files show for its domain.
func observe(ctx context.Context, errs io.Writer, paths []string, requests []audit.Request, l *locale.Localizer) error {
	domains := make([]dns.Name, len(requests))
	for i := range requests {
		domains[i] = requests[i].Domain
	}
	seen, err := selectorsFrom(ctx, errs, paths, domains, l)
	if err != nil {
		return err
	}
	for i := range requests {
		requests[i].Observed = seen[requests[i].Domain]
	}
	return nil
}

func (r *samples) add(d dns.Name, selector string) {
	list, wanted := r.found[d]
	if !wanted || len(list) == maxSelectors || slices.Contains(list, selector) || d.Child("_domainkey").Child(selector).Check() != nil {
		return
	}
	r.found[d] = append(list, selector)
}

func (r *samples) skip(path string, err error) {
	if r.skipped++; r.skipped <= skippedShown {
		fmt.Fprintf(r.errs, "postseal: --selectors-from: %s\n", report.Escape(r.l.Text("exit.selectors-skipped", check.Params{"Path": path, "Cause": err.Error()})))
	}
}

// path reads a file, or a folder and what is below it. A path that the user
// named has to be there.
func (r *samples) path(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		return usage("--selectors-from: %w", err)
	}
	// With the separator at its end a link to a folder is the folder.
	root := path
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		root += string(filepath.Separator)
	}
	return filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		hidden := p != root && strings.HasPrefix(filepath.Base(p), ".")
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			r.skip(p, bare(err))
		case e.IsDir() && hidden:
			return fs.SkipDir
		case e.IsDir() || hidden:
		default:
			if r.files++; r.files > maxSampleFiles {
				return usage("--selectors-from: there are more than %d files", maxSampleFiles)
			}
			if err := r.file(ctx, p); ctx.Err() != nil {
				return ctx.Err()
			} else if err != nil {
				r.skip(p, bare(err))
			}
		}
		return nil
	})
}

// bare takes the path out of an error: it is said beside it anyway.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// file reads one file. What it is shows in its first octets, not in its name.
func (r *samples) file(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file") // opening a pipe would wait for ever
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 4096)
	head, _ := in.Peek(1024)
	var bad error
	r.walker.Bad = func(_ string, err error) { bad = err }
	if !isMessage(head) {
		if err := r.walker.Path(ctx, path); err != nil {
			return err
		}
		return bad
	}
	if info.Size() > maxSampleSize {
		return fmt.Errorf("it is larger than %d octets", maxSampleSize)
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxSampleSize))
	if err != nil {
		return err
	}
	for _, header := range headers(raw) {
		for _, field := range header {
			if d, s, ok := signed(field); ok {
				r.add(d, s)
			}
		}
	}
	// The message may carry a report. That it does not is nothing to tell.
	return r.walker.Reader(ctx, path, bytes.NewReader(raw))
}

// isMessage tells whether the octets begin a message or an mbox.
func isMessage(head []byte) bool {
	if bytes.HasPrefix(head, []byte("From ")) {
		return true
	}
	name, _, ok := bytes.Cut(head, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	return ok && len(name) > 0 && len(name) <= 77 && !bytes.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' || c == '<' })
}

// headers are the fields of a message, unfolded, or of each message of an mbox.
func headers(raw []byte) [][]string {
	mbox := bytes.HasPrefix(raw, []byte("From "))
	var list [][]string
	var fields []string
	inside, size, blank := true, 0, true
	for line := range bytes.Lines(raw) {
		text := strings.TrimRight(string(line), "\r\n")
		switch {
		case mbox && blank && strings.HasPrefix(text, "From "):
			if fields != nil {
				list = append(list, fields)
			}
			fields, inside, size = nil, true, 0
		case !inside:
		case text == "":
			inside = false
		case size > maxHeaderSize:
		case (text[0] == ' ' || text[0] == '\t') && len(fields) > 0:
			fields[len(fields)-1] += text
		default:
			fields = append(fields, text)
		}
		blank = text == ""
		if size += len(line); !inside && !mbox {
			break
		}
	}
	return append(list, fields)
}

// signed reads d= and s= of a DKIM-Signature field (RFC 6376 §3.5).
func signed(field string) (domain dns.Name, selector string, ok bool) {
	name, value, _ := strings.Cut(field, ":")
	if !strings.EqualFold(strings.TrimSpace(name), "dkim-signature") {
		return "", "", false
	}
	for tag := range strings.SplitSeq(value, ";") {
		k, v, _ := strings.Cut(tag, "=")
		v = strings.Join(strings.Fields(v), "")
		switch strings.TrimSpace(k) {
		case "d":
			if n, err := dns.ParseDomain(v); err == nil {
				domain = n
			}
		case "s":
			if n, err := dns.ParseDomain(v); err == nil {
				selector = n.String()
			}
		}
	}
	return domain, selector, domain != "" && selector != ""
}

package aggregate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Walk reads every report in the files and folders, in the order given and
// within a folder by name, and calls each for one after the other. Folders are
// read with what is below them; links to folders inside are not followed,
// hidden files are left alone. What a file holds is told from its first octets:
// XML, gzip, zip, a mail message or an mbox.
//
// A report that came before (same organisation, ID, domain and begin) is
// counted and not handed over again. What cannot be read is told to bad and
// skipped; bad may be nil. An error of each ends the walk and comes back as it
// is; apart from that Walk only fails when the context ends or there are more
// files than lim allows.
func Walk(ctx context.Context, paths []string, lim Limits, each func(*Report) error, bad func(source string, err error)) (Stats, error) {
	w := &Walker{Limits: lim, Each: each, Bad: bad}
	for _, p := range paths {
		if err := w.Path(ctx, p); err != nil {
			return w.Stats, err
		}
	}
	return w.Stats, nil
}

// Walker reads reports from several places, each report once. Walk is the short
// way to use it.
type Walker struct {
	Limits Limits
	Each   func(*Report) error
	Bad    func(source string, err error)
	Stats  Stats

	lim   Limits
	left  int64 // octets of XML that the file or message at hand may still unpack to
	names names
	seen  map[[16]byte]bool
}

func (w *Walker) init() {
	if w.seen == nil {
		w.lim, w.names, w.seen = w.Limits.orDefault(), names{}, map[[16]byte]bool{}
	}
}

func (w *Walker) bad(source string, err error) {
	w.Stats.Skipped++
	if w.Bad != nil {
		w.Bad(source, err)
	}
}

// Path reads a file, or a folder and what is below it.
func (w *Walker) Path(ctx context.Context, path string) error {
	w.init()
	info, err := os.Stat(path)
	switch {
	case err != nil:
		w.bad(path, plain(err))
		return nil
	case !info.IsDir():
		return w.file(ctx, path, info)
	}
	// A folder is walked by hand: WalkDir would not begin at a link to one.
	return w.folder(ctx, path, 0)
}

// maxFolders is how deep folders may be nested.
const maxFolders = 64

func (w *Walker) folder(ctx context.Context, path string, depth int) error {
	if depth > maxFolders {
		w.bad(path, tooMuch("folders are nested deeper than %d", maxFolders))
		return nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		w.bad(path, plain(err))
	}
	for _, e := range entries {
		sub := filepath.Join(path, e.Name())
		if e.IsDir() {
			if err := w.folder(ctx, sub, depth+1); err != nil {
				return err
			}
			continue
		}
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		info, err := os.Stat(sub) // a link to a file is read, one to a folder is not followed
		switch {
		case err != nil:
			w.bad(sub, plain(err))
		case info.Mode().IsRegular():
			if err := w.file(ctx, sub, info); err != nil {
				return err
			}
		}
	}
	return nil
}

// plain takes the path out of an error: it is said beside it anyway.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

func (w *Walker) file(ctx context.Context, path string, info fs.FileInfo) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.Stats.Files++
	if w.Stats.Files > w.lim.Files {
		return fmt.Errorf("aggregate: there are more than %d files", w.lim.Files)
	}
	switch {
	case !info.Mode().IsRegular(): // opening a pipe would wait for ever
		w.bad(path, errors.New("it is not a regular file"))
		return nil
	case info.Size() > w.lim.FileSize:
		w.bad(path, tooMuch("it is larger than %d octets", w.lim.FileSize))
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		w.bad(path, plain(err))
		return nil
	}
	defer f.Close()
	w.left = w.lim.ReportSize
	return w.source(ctx, path, f, info.Size(), 0)
}

// Reader reads what comes as a stream, as a file would be read. It is kept in
// memory and so may be no larger than a message.
func (w *Walker) Reader(ctx context.Context, name string, r io.Reader) error {
	w.init()
	w.Stats.Files++
	b, err := io.ReadAll(io.LimitReader(r, w.lim.Message+1))
	switch {
	case err != nil:
		w.bad(name, err)
		return nil
	case int64(len(b)) > w.lim.Message:
		w.bad(name, tooMuch("it is larger than %d octets", w.lim.Message))
		return nil
	}
	w.left = w.lim.ReportSize
	return w.source(ctx, name, bytes.NewReader(b), int64(len(b)), 0)
}

// report reads one report whole before it is handed over. open gives its text
// anew each time, within the octets left.
func (w *Walker) report(ctx context.Context, source string, open func(left *int64) (io.Reader, error)) error {
	var kept []Row
	many := false
	rep, err := w.parse(ctx, open, &w.left, func(row *Row) error {
		if len(kept) >= rowsKept {
			kept, many = nil, true
		}
		if !many {
			kept = append(kept, row.clone())
		}
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		w.bad(source, err)
		return nil
	}
	rep.Source = source
	key := rep.key()
	if w.seen[key] {
		w.Stats.Duplicates++
		return nil
	}
	rep.kept = kept
	if many {
		rep.replay = func(each func(*Row) error) error {
			left := w.lim.ReportSize // it was within the limit the first time
			_, err := w.parse(ctx, open, &left, each)
			if s, ok := errors.AsType[*stop](err); ok {
				return s.err
			}
			return err
		}
	}
	w.seen[key] = true
	w.Stats.Reports++
	return w.Each(rep)
}

func (w *Walker) parse(ctx context.Context, open func(left *int64) (io.Reader, error), left *int64, each func(*Row) error) (*Report, error) {
	r, err := open(left)
	if err != nil {
		return nil, err
	}
	if r, err = decoded(r); err != nil {
		return nil, err
	}
	return parse(ctx, r, w.names, w.lim.Rows, each)
}

// clone makes a row that outlives the parser's.
func (r *Row) clone() Row {
	c := *r
	c.Reasons, c.Signatures, c.SPFChecks = slices.Clone(r.Reasons), slices.Clone(r.Signatures), slices.Clone(r.SPFChecks)
	return c
}

// key is what makes a report the same as another. The ID is unique among the
// reports to a domain (RFC 9990 §3.5.1); some reporters use one for ever, so
// the period belongs to it, and without one the numbers do.
func (r *Report) key() [16]byte {
	id := r.ID
	if id == "" {
		id = fmt.Sprintf("\x00%d %d %d", r.End.Unix(), r.Rows, r.Messages)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d", strings.ToLower(r.Org), strings.Trim(id, "<>"), r.Policy.Domain, r.Begin.Unix()))
	return [16]byte(sum[:16])
}

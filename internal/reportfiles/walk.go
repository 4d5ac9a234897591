// Package reportfiles finds the reports that receivers send in what people keep
// of them: files, folders, gzip, zip, mail messages and mboxes.
//
// What a file is shows from its first octets; extensions lie. Reports come from
// strangers: every size is bounded, and what cannot be read is told and skipped.
// What a report says is its reader's business.
package reportfiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Limits bound what a walk reads. The zero value of a field means its default.
type Limits struct {
	Files    int   // files looked at
	FileSize int64 // octets of one file, an mbox too
	Message  int64 // octets of one mail message
	Parts    int   // entries of an archive, parts of a message
	Unpacked int64 // octets of reports that one file or message may unpack to
	Ratio    int64 // of unpacked to packed octets, once 4 MiB are unpacked
}

func (l Limits) orDefault() Limits {
	or := func(field *int64, otherwise int64) {
		if *field <= 0 {
			*field = otherwise
		}
	}
	files, parts := int64(l.Files), int64(l.Parts)
	or(&files, 1_000_000)
	or(&parts, 10_000)
	or(&l.FileSize, 2<<30)
	or(&l.Message, 64<<20)
	or(&l.Unpacked, 512<<20)
	or(&l.Ratio, 200)
	l.Files, l.Parts = int(files), int(parts)
	return l
}

// Bounds that nothing sane comes near.
const (
	ratioFree    = 4 << 20 // octets unpacked before the ratio is looked at
	maxNesting   = 8       // multiparts within multiparts
	maxDirectory = 8 << 20 // octets of a zip file's list of entries
	maxName      = 1024    // octets kept of the name of an entry or attachment
)

// Walker finds reports in several places.
type Walker struct {
	Limits Limits
	What   string                 // what a report is, as in "it is neither XML, gzip, zip nor a mail message"
	Wants  func(head []byte) bool // tells a report by its first octets

	// Each gets every report found. An error ends the walk and comes back as it is.
	Each func(ctx context.Context, s *Source) error
	Bad  func(source string, err error) // gets what cannot be read; may be nil

	Files   int // looked at
	Skipped int // files, entries and attachments that could not be read

	lim  Limits
	left int64 // octets that the file or message at hand may still unpack to
}

// Source is one report that was found. It may be read while Each runs.
type Source struct {
	Name string // a path, with the entry or attachment after a colon

	w    *Walker
	open func(left *int64) (io.Reader, error)
}

// Open gives the report unpacked, within what its file may unpack to.
func (s *Source) Open() (io.Reader, error) { return s.open(&s.w.left) }

// Again gives the report once more, when it was read whole before.
func (s *Source) Again() (io.Reader, error) {
	left := s.w.lim.Unpacked // it was within the limit the first time
	return s.open(&left)
}

func (w *Walker) report(ctx context.Context, name string, open func(left *int64) (io.Reader, error)) error {
	return w.Each(ctx, &Source{Name: name, w: w, open: open})
}

// Skip tells Bad of a source that cannot be read.
func (w *Walker) Skip(source string, err error) { w.bad(source, err) }

func (w *Walker) bad(source string, err error) {
	w.Skipped++
	if w.Bad != nil {
		w.Bad(source, err)
	}
}

// Path reads a file, or a folder and what is below it.
func (w *Walker) Path(ctx context.Context, path string) error {
	w.lim = w.Limits.orDefault()
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
	w.Files++
	if w.Files > w.lim.Files {
		return fmt.Errorf("there are more than %d files", w.lim.Files)
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
	w.left = w.lim.Unpacked
	return w.source(ctx, path, f, info.Size(), 0)
}

// Reader reads what comes as a stream, as a file would be read. It is kept in
// memory and so may be no larger than a message.
func (w *Walker) Reader(ctx context.Context, name string, r io.Reader) error {
	w.lim = w.Limits.orDefault()
	w.Files++
	b, err := io.ReadAll(io.LimitReader(r, w.lim.Message+1))
	switch {
	case err != nil:
		w.bad(name, err)
		return nil
	case int64(len(b)) > w.lim.Message:
		w.bad(name, tooMuch("it is larger than %d octets", w.lim.Message))
		return nil
	}
	w.left = w.lim.Unpacked
	return w.source(ctx, name, bytes.NewReader(b), int64(len(b)), 0)
}

// tooMuch is an error that says which limit was exceeded.
func tooMuch(format string, args ...any) error { return fmt.Errorf(format, args...) }

// clip keeps the beginning of a name that nobody should write long.
func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxName)], "\uFFFD") }

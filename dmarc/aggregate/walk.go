package aggregate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/postseal/postseal/internal/reportfiles"
)

// Walker reads every report of several places, in the order given and within a
// folder by name, and calls Each for one after the other. Folders are read with
// what is below them; links to folders inside are not followed, hidden files
// are left alone. What a file holds is told from its first octets: XML, gzip,
// zip, a mail message or an mbox.
//
// A report that came before (same organisation, ID, domain and begin) is
// counted and not handed over again. What cannot be read is told to Bad and
// skipped; Bad may be nil. An error of Each ends the walk and comes back as it
// is; apart from that a walk only fails when the context ends or there are more
// files than Limits allows.
type Walker struct {
	Limits Limits
	Each   func(*Report) error
	Bad    func(source string, err error)
	Stats  Stats

	files *reportfiles.Walker
	lim   Limits
	names names
	seen  map[[16]byte]bool
}

func (w *Walker) init() {
	if w.seen != nil {
		return
	}
	w.lim, w.names, w.seen = w.Limits.orDefault(), names{}, map[[16]byte]bool{}
	w.files = &reportfiles.Walker{
		Limits: reportfiles.Limits{
			Files: w.lim.Files, FileSize: w.lim.FileSize, Message: w.lim.Message, Parts: w.lim.Parts,
			Unpacked: w.lim.ReportSize, Ratio: w.lim.Ratio,
		},
		What: "XML", Wants: isXML, Each: w.report,
		Bad: func(source string, err error) {
			if w.Bad != nil {
				w.Bad(source, err)
			}
		},
	}
}

// Path reads a file, or a folder and what is below it.
func (w *Walker) Path(ctx context.Context, path string) error {
	w.init()
	return w.count(w.files.Path(ctx, path))
}

// Reader reads what comes as a stream, as a file would be read. It is kept in
// memory and so may be no larger than a message.
func (w *Walker) Reader(ctx context.Context, name string, r io.Reader) error {
	w.init()
	return w.count(w.files.Reader(ctx, name, r))
}

func (w *Walker) count(err error) error {
	w.Stats.Files, w.Stats.Skipped = w.files.Files, w.files.Skipped
	return err
}

// report reads one report whole before it is handed over.
func (w *Walker) report(ctx context.Context, s *reportfiles.Source) error {
	var kept []Row
	many := false
	rep, err := w.parse(ctx, s.Open, func(row *Row) error {
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
		w.files.Skip(s.Name, err)
		return nil
	}
	rep.Source = s.Name
	key := rep.key()
	if w.seen[key] {
		w.Stats.Duplicates++
		return nil
	}
	rep.kept = kept
	if many {
		rep.replay = func(each func(*Row) error) error {
			_, err := w.parse(ctx, s.Again, each)
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

func (w *Walker) parse(ctx context.Context, open func() (io.Reader, error), each func(*Row) error) (*Report, error) {
	r, err := open()
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

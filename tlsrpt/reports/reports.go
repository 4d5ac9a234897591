// Package reports reads the SMTP TLS reports of RFC 8460 §4 and sums them up:
// how many sessions to a domain's mail hosts were encrypted as its policy asks,
// which failed, at which host and why.
//
// A Reader finds reports in files, folders, archives and mail; a Builder adds
// them up. Reports come from strangers and can be forged: every size is bounded,
// a report counts whole or not at all, and once. Text in them is as the reporter
// wrote it: escape it before showing it.
package reports

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/postseal/postseal/internal/reportfiles"
)

// Limits bound what is read. The zero value of a field means its default.
type Limits struct {
	Files      int   // files looked at
	FileSize   int64 // octets of one file, an mbox too
	ReportSize int64 // octets of JSON that one file or message may unpack to
}

// Defaults. Reports have some kilobytes; they are read into memory whole.
const (
	defaultFiles      = 1_000_000
	defaultReportSize = 32 << 20
	maxRatio          = 200 // of unpacked to packed octets, once 4 MiB are unpacked
)

// Stats count what was come across.
type Stats struct {
	Files      int `json:"files"`      // looked at
	Reports    int `json:"reports"`    // handed over
	Duplicates int `json:"duplicates"` // reports that had come before
	Skipped    int `json:"skipped"`    // files, entries and attachments that could not be read
}

// Reader reads reports from several places, each report once: the same
// organisation, ID, domains and begin are the same report.
type Reader struct {
	Limits Limits
	Each   func(*Report) error
	Bad    func(source string, err error) // may be nil
	Stats  Stats

	files *reportfiles.Walker
	seen  map[[16]byte]bool
}

func (r *Reader) init() {
	if r.files != nil {
		return
	}
	r.seen = map[[16]byte]bool{}
	l := reportfiles.Limits{Files: r.Limits.Files, FileSize: r.Limits.FileSize, Unpacked: r.Limits.ReportSize, Ratio: maxRatio}
	if l.Files <= 0 {
		l.Files = defaultFiles
	}
	if l.Unpacked <= 0 {
		l.Unpacked = defaultReportSize
	}
	r.files = &reportfiles.Walker{Limits: l, What: "JSON", Wants: isJSON, Each: r.one, Bad: func(source string, err error) {
		if r.Bad != nil {
			r.Bad(source, err)
		}
	}}
}

// isJSON tells a JSON object by its first octets, and a list of them, which is
// none of ours and no mail message either.
func isJSON(head []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, bom), " \t\r\n")
	if list, ok := bytes.CutPrefix(text, []byte("[")); ok {
		text = bytes.TrimLeft(list, " \t\r\n")
	}
	return len(text) > 0 && text[0] == '{'
}

var bom = []byte("\xef\xbb\xbf")

// Path reads a file, or a folder and what is below it. It fails only when the
// context ends, with the error of Each, or when there are too many files.
func (r *Reader) Path(ctx context.Context, path string) error {
	r.init()
	return r.count(r.files.Path(ctx, path))
}

// Reader reads what comes as a stream, as a file would be read.
func (r *Reader) Reader(ctx context.Context, name string, from io.Reader) error {
	r.init()
	return r.count(r.files.Reader(ctx, name, from))
}

func (r *Reader) count(err error) error {
	r.Stats.Files, r.Stats.Skipped = r.files.Files, r.files.Skipped
	return err
}

func (r *Reader) one(ctx context.Context, s *reportfiles.Source) error {
	rep, err := read(s)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		r.files.Skip(s.Name, err)
		return nil
	}
	rep.Source = s.Name
	key := rep.key()
	if r.seen[key] {
		r.Stats.Duplicates++
		return nil
	}
	r.seen[key] = true
	r.Stats.Reports++
	return r.Each(rep)
}

func read(s *reportfiles.Source) (*Report, error) {
	in, err := s.Open()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(in)
	if err != nil {
		return nil, reportfiles.UnpackError(err)
	}
	return parse(b)
}

// key is what makes a report the same as another.
func (r *Report) key() [16]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%d", strings.ToLower(r.Org), strings.Trim(r.ID, "<>"), r.Begin.Unix())
	for i := range r.Policies {
		p := &r.Policies[i]
		fmt.Fprintf(h, "\x00%s %s", p.Domain, p.Type)
		if r.ID == "" {
			fmt.Fprintf(h, " %d %d", p.Successful, p.Failed)
		}
	}
	return [16]byte(h.Sum(nil)[:16])
}

var errNoReport = errors.New("it is JSON, but no TLS report with policies")

package reportfiles

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// kind is what a file is by its first octets.
type kind string

const (
	isEmpty   kind = "empty"
	isReport  kind = "report"
	isGzip    kind = "gzip"
	isZip     kind = "zip"
	isMbox    kind = "mbox"
	isMessage kind = "message"
	isOther   kind = "other"
)

const headSize = 512 // octets that tell what a file is

var header = regexp.MustCompile(`^[!-9;-~]{1,76}[ \t]*:`)

// sniff tells a file by its first octets: extensions lie.
func (w *Walker) sniff(head []byte) kind {
	switch {
	case len(head) == 0:
		return isEmpty
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return isGzip
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return isZip
	case w.Wants(head):
		return isReport
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case len(text) == 0:
		return isEmpty
	case bytes.HasPrefix(head, []byte("From ")):
		return isMbox
	case header.Match(text):
		return isMessage
	}
	return isOther
}

// source reads what is in r, of whatever kind. depth counts the messages and
// multiparts around it.
func (w *Walker) source(ctx context.Context, name string, r io.ReaderAt, size int64, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	head := make([]byte, min(headSize, size))
	if n, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		w.bad(name, plain(err))
		return nil
	} else {
		head = head[:n]
	}
	all := func() io.Reader { return io.NewSectionReader(r, 0, size) }
	switch w.sniff(head) {
	case isEmpty:
		w.bad(name, errors.New("it is empty"))
	case isReport:
		return w.report(ctx, name, func(left *int64) (io.Reader, error) { return w.bounded(all(), size, left), nil })
	case isGzip:
		return w.report(ctx, name, func(left *int64) (io.Reader, error) {
			z, err := gzip.NewReader(all())
			if err != nil {
				return nil, UnpackError(err)
			}
			z.Multistream(false) // mail gateways leave octets after the end
			return w.unpacked(z, size, left)
		})
	case isZip:
		return w.zip(ctx, name, r, size)
	case isMbox:
		return w.mbox(ctx, name, all())
	case isMessage:
		if size > w.lim.Message {
			w.bad(name, tooMuch("the message is larger than %d octets", w.lim.Message))
			return nil
		}
		return w.message(ctx, name, all(), depth)
	default:
		w.bad(name, fmt.Errorf("it is neither %s, gzip, zip nor a mail message", w.What))
	}
	return nil
}

// zip reads the entries of an archive.
func (w *Walker) zip(ctx context.Context, name string, r io.ReaderAt, size int64) error {
	// The list of entries is read into memory at once; a list of millions is no
	// archive of reports.
	metered := &meter{r: r, left: maxDirectory}
	z, err := zip.NewReader(metered, size)
	metered.left = -1
	switch {
	case err != nil:
		w.bad(name, fmt.Errorf("zip: %s", strings.TrimPrefix(err.Error(), "zip: ")))
		return nil
	case len(z.File) > w.lim.Parts:
		w.bad(name, tooMuch("the archive has more than %d entries", w.lim.Parts))
		return nil
	}
	found := false
	for _, f := range z.File {
		if f.FileInfo().IsDir() || strings.HasPrefix(f.Name, "__MACOSX/") {
			continue
		}
		found = true
		open := func(left *int64) (io.Reader, error) {
			if f.Flags&1 != 0 {
				return nil, errors.New("it is encrypted")
			}
			if f.Method != zip.Store && f.Method != zip.Deflate {
				return nil, errors.New("it is compressed in an unusual way")
			}
			rc, err := f.Open()
			if err != nil {
				return nil, err
			}
			return w.unpacked(rc, int64(f.CompressedSize64), left)
		}
		if err := w.report(ctx, name+":"+clip(f.Name), open); err != nil {
			return err
		}
	}
	if !found {
		w.bad(name, errors.New("the archive is empty"))
	}
	return nil
}

// meter refuses to read more than a budget, while there is one.
type meter struct {
	r    io.ReaderAt
	left int64
}

func (m *meter) ReadAt(p []byte, off int64) (int, error) {
	if m.left >= 0 {
		if m.left -= int64(len(p)); m.left < 0 {
			m.left = 0
			return 0, tooMuch("the list of its entries is larger than %d MiB", maxDirectory>>20)
		}
	}
	return m.r.ReadAt(p, off)
}

// unpacked is what an archive holds, bounded, and a report: an archive within
// an archive is refused.
func (w *Walker) unpacked(r io.Reader, packed int64, left *int64) (io.Reader, error) {
	b := bufio.NewReaderSize(w.bounded(r, packed, left), headSize)
	head, err := b.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, UnpackError(err)
	}
	switch w.sniff(head) {
	case isReport:
		return b, nil
	case isGzip, isZip:
		return nil, errors.New("it is an archive within an archive")
	case isEmpty:
		return nil, errors.New("it is empty")
	}
	return nil, fmt.Errorf("what it holds is not %s", w.What)
}

// UnpackError says of what ends too early that it is cut short.
func UnpackError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it is cut short")
	}
	return err
}

// bounded holds a stream to the limits of a report. left is shared by all that
// comes out of one file, whose entries may overlap, or one message.
func (w *Walker) bounded(r io.Reader, packed int64, left *int64) io.Reader {
	return &bound{r: r, packed: max(packed, 1), left: left, lim: w.lim}
}

type bound struct {
	r      io.Reader
	packed int64
	read   int64
	left   *int64
	lim    Limits
}

func (b *bound) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.read += int64(n)
	*b.left -= int64(n)
	switch {
	case *b.left < 0:
		return 0, tooMuch("it unpacks to more than %d octets", b.lim.Unpacked)
	case b.read > ratioFree && b.read/b.packed > b.lim.Ratio:
		return 0, tooMuch("it unpacks to more than %d times its size", b.lim.Ratio)
	}
	return n, err
}

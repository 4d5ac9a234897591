package reportfiles

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
)

// found counts what a message held.
type found struct {
	parts   int // looked at
	reports int // parts that hold, or should hold, a report
}

// message reads the reports attached to a message. r is no longer than the
// limit of a message.
func (w *Walker) message(ctx context.Context, name string, r io.Reader, depth int) error {
	msg, err := mail.ReadMessage(r)
	if err != nil {
		w.bad(name, fmt.Errorf("its header cannot be read: %w", err))
		return nil
	}
	f := &found{}
	if err := w.part(ctx, name, textproto.MIMEHeader(msg.Header), msg.Body, depth, f); err != nil {
		return err
	}
	if f.reports == 0 {
		w.bad(name, errors.New("no report is attached to the message"))
	}
	return nil
}

// part reads one part of a message, and the parts within it.
func (w *Walker) part(ctx context.Context, name string, h textproto.MIMEHeader, body io.Reader, depth int, f *found) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil && kind == "" {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		return w.parts(ctx, name, params["boundary"], body, depth, f)
	}
	if f.parts++; f.parts > w.lim.Parts {
		if f.parts == w.lim.Parts+1 {
			f.reports++
			w.bad(name, tooMuch("the message has more than %d parts", w.lim.Parts))
		}
		return nil
	}
	source := name
	if file := filename(h, params); file != "" {
		source += ":" + file
	}
	// A part cannot be larger than the message, which is bounded.
	b, err := io.ReadAll(transfer(h, body))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		f.reports++
		w.bad(source, errors.New("the message is cut short"))
		return nil
	}
	if kind == "message/rfc822" {
		if f.reports++; depth >= maxNesting {
			w.bad(source, tooMuch("messages are nested deeper than %d", maxNesting))
			return nil
		}
		return w.message(ctx, source, bytes.NewReader(b), depth+1)
	}
	// Reporters call the attachment anything; what it is shows from its octets.
	switch w.sniff(b[:min(headSize, len(b))]) {
	case isReport:
		if strings.HasPrefix(kind, "text/html") {
			return nil
		}
	case isGzip, isZip:
	default:
		if err != nil && kind != "text/plain" {
			f.reports++
			w.bad(source, fmt.Errorf("the attachment cannot be decoded: %w", err))
		}
		return nil
	}
	f.reports++
	if err != nil {
		w.bad(source, fmt.Errorf("the attachment cannot be decoded: %w", err))
		return nil
	}
	return w.source(ctx, source, bytes.NewReader(b), int64(len(b)), depth+1)
}

// parts reads the parts of a multipart.
func (w *Walker) parts(ctx context.Context, name, boundary string, body io.Reader, depth int, f *found) error {
	if depth >= maxNesting || boundary == "" {
		f.reports++
		err := tooMuch("messages are nested deeper than %d", maxNesting)
		if boundary == "" {
			err = errors.New("a multipart has no boundary")
		}
		w.bad(name, err)
		return nil
	}
	mr := multipart.NewReader(body, boundary)
	for f.parts <= w.lim.Parts {
		p, err := mr.NextRawPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			f.reports++
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = errors.New("the message is cut short")
			}
			w.bad(name, err)
			return nil
		}
		if err := w.part(ctx, name, p.Header, p, depth+1, f); err != nil {
			return err
		}
	}
	return nil
}

// transfer undoes the transfer encoding (RFC 2045 §6).
func transfer(h textproto.MIMEHeader, body io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(h.Get("Content-Transfer-Encoding"))) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, &strip{r: body})
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	}
	return body
}

// strip drops blanks, which the decoder of base64 does not.
type strip struct{ r io.Reader }

func (s *strip) Read(p []byte) (int, error) {
	for {
		n, err := s.r.Read(p)
		kept := 0
		for _, c := range p[:n] {
			if c != ' ' && c != '\t' {
				p[kept] = c
				kept++
			}
		}
		if kept > 0 || err != nil {
			return kept, err
		}
	}
}

// filename is what an attachment calls itself.
func filename(h textproto.MIMEHeader, params map[string]string) string {
	if _, d, err := mime.ParseMediaType(h.Get("Content-Disposition")); err == nil && d["filename"] != "" {
		return clip(d["filename"])
	}
	return clip(params["name"])
}

// mbox reads the messages of an mbox, one in memory at a time. Each begins with
// a line "From " after an empty one (RFC 4155).
func (w *Walker) mbox(ctx context.Context, name string, r io.Reader) error {
	var (
		b     = bufio.NewReaderSize(r, 64<<10)
		msg   bytes.Buffer
		n     = 0
		big   = false
		blank = true
	)
	flush := func() error {
		defer func() { msg.Reset(); big = false }()
		source := fmt.Sprintf("%s:%d", name, n)
		switch {
		case n == 0:
			return nil
		case big:
			w.bad(source, tooMuch("the message is larger than %d octets", w.lim.Message))
			return nil
		}
		w.left = w.lim.Unpacked
		return w.message(ctx, source, bytes.NewReader(msg.Bytes()), 0)
	}
	for {
		line, err := b.ReadSlice('\n')
		switch {
		case err == nil || errors.Is(err, bufio.ErrBufferFull), errors.Is(err, io.EOF):
		default:
			w.bad(name, plain(err))
			return nil
		}
		if blank && bytes.HasPrefix(line, []byte("From ")) {
			if ferr := flush(); ferr != nil {
				return ferr
			}
			if cerr := ctx.Err(); cerr != nil {
				return cerr
			}
			n++
			blank = false
		} else {
			blank = len(bytes.TrimRight(line, "\r\n")) == 0
			// ">From " was "From " once.
			if bytes.HasPrefix(line, []byte(">From ")) {
				line = line[1:]
			}
			if int64(msg.Len()+len(line)) > w.lim.Message {
				big = true
			} else if !big {
				msg.Write(line)
			}
		}
		if errors.Is(err, io.EOF) {
			return flush()
		}
	}
}

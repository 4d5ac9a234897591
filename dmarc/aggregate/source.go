package aggregate

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/postseal/postseal/internal/reportfiles"
)

const headSize = 512 // octets that tell what a file is, and its encoding

// isXML tells XML by its first octets.
func isXML(head []byte) bool {
	if bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}) {
		return true // UTF-16; whether it really is one shows later
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	return len(text) > 0 && text[0] == '<'
}

var declared = regexp.MustCompile(`^[^<]*<\?xml[^>]*\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']`)

// encodings that old reporters still declare. What is UTF-8 or ASCII needs none.
var encodings = map[string]encoding.Encoding{
	// As browsers do: no report means the control characters of ISO 8859-1.
	"iso-8859-1": charmap.Windows1252, "latin1": charmap.Windows1252, "windows-1252": charmap.Windows1252, "cp1252": charmap.Windows1252,
	"iso-8859-2": charmap.ISO8859_2, "windows-1250": charmap.Windows1250,
	"iso-8859-5": charmap.ISO8859_5, "windows-1251": charmap.Windows1251, "koi8-r": charmap.KOI8R,
	"iso-8859-9": charmap.Windows1254, "windows-1254": charmap.Windows1254, "iso-8859-15": charmap.ISO8859_15,
	"utf-8": unicode.UTF8, "utf8": unicode.UTF8, "us-ascii": unicode.UTF8, "ascii": unicode.UTF8, "utf-16": unicode.UTF8,
}

// decoded gives the text of an XML file as UTF-8: by its byte order mark, else
// by what it declares. Octets that are not of the encoding become U+FFFD.
func decoded(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 4096)
	head, err := b.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, reportfiles.UnpackError(err)
	}
	enc := encoding.Encoding(unicode.UTF8)
	if m := declared.FindSubmatch(head); m != nil {
		var ok bool
		if enc, ok = encodings[strings.ToLower(string(m[1]))]; !ok {
			return nil, fmt.Errorf("its encoding %s is not supported", m[1])
		}
	}
	return transform.NewReader(b, unicode.BOMOverride(enc.NewDecoder())), nil
}

package bimi

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
)

// What is read at most: of the logo on the wire and uncompressed, and of the
// certificate file.
const (
	MaxLogo     = 256 << 10
	MaxEvidence = 512 << 10
	maxInflated = 1 << 20
)

// Logo is the file that "l" names.
type Logo struct {
	Fetch   *Fetch `json:"fetch"`   // nil when HTTPS was not to be used
	Gzip    bool   `json:"gzip"`    // it is an SVGZ file
	Inflate string `json:"inflate"` // "", "too-large" or "broken": what became of the gzip stream
	SVG     *SVG   `json:"svg"`     // nil where nothing was read
}

func (l *Logo) take(f *Fetch) {
	l.Fetch = f
	if !f.ok() {
		return
	}
	data, zipped, err := inflate(f.Body)
	l.Gzip = zipped
	switch {
	case errors.Is(err, errTooLarge):
		l.Inflate = "too-large"
	case err != nil:
		l.Inflate = "broken"
	default:
		l.SVG = parseSVG(data)
	}
}

var errTooLarge = errors.New("too large after gunzip")

// inflate gives the SVG of an SVG or SVGZ file, never more than maxInflated octets.
func inflate(data []byte) (svg []byte, zipped bool, err error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, false, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, true, err
	}
	svg, err = io.ReadAll(io.LimitReader(z, maxInflated+1))
	if len(svg) > maxInflated {
		return nil, true, errTooLarge
	}
	return svg, true, err
}

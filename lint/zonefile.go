package lint

import (
	"bytes"
	"errors"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/postseal/postseal/dns"
)

// zoneFile reads a zone in the form of RFC 1035 §5.
func (r *reader) zoneFile(data []byte, path string, origin dns.Name) error {
	if line, col := includeLine(data); line > 0 {
		return errorAt(Location{path, line, col}, "$INCLUDE is not followed: a zone file could name any file of this machine; name the included files instead")
	}
	z, err := dns.ParseZone(bytes.NewReader(data), origin, path)
	if err != nil && origin == "" {
		// A file is often named after its zone.
		if guess := originOf(path); guess != "" {
			z, err = dns.ParseZone(bytes.NewReader(data), guess, path)
		}
	}
	if err != nil {
		return zoneError(err, path)
	}
	zone := r.set.zone(z.Origin, Location{File: path, Line: 1})
	starts := lineStarts(data)
	for _, rec := range z.Records() {
		if rec.Name == z.Origin && (rec.Type == dns.TypeSOA || rec.Type == dns.TypeNS) {
			zone.Complete = true
		}
		out := &Record{
			Name: rec.Name, Type: rec.Type, TTL: rec.TTL, Data: rec.Data,
			At: Location{path, rec.Line, rec.Col}, Format: ZoneFile,
		}
		if rec.Type == dns.TypeTXT {
			out.Data, out.Strings = "", rec.Strings
			if rec.Line <= len(starts) && rec.Col > 0 {
				out.readRaw(data[min(starts[rec.Line-1]+rec.Col-1, len(data)):])
			}
		}
		zone.add(out)
	}
	return nil
}

var placed = regexp.MustCompile(`^(\d+)(?::(\d+))?: (.*)$`)

// zoneError makes a place of what the parser says in front of its words.
func zoneError(err error, path string) error {
	text := strings.TrimPrefix(err.Error(), path+":")
	if m := placed.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		col, _ := strconv.Atoi(m[2])
		return &Error{Location{path, line, col}, m[3]}
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Location{File: path}, strings.TrimSpace(text)}
}

// originOf is the zone that a file's name shows: example.com.zone, db.example.com.
func originOf(path string) dns.Name {
	base := filepath.Base(path)
	for _, suffix := range []string{".zone", ".db", ".bind", ".txt", ".hosts"} {
		base = strings.TrimSuffix(base, suffix)
	}
	n, err := dns.ParseDomain(strings.TrimPrefix(base, "db."))
	if err != nil || !hasTLD(n) {
		return ""
	}
	return n
}

// includeLine is where a file asks for another one. A line inside parentheses
// or a quoted string cannot begin a directive, but neither does it begin so.
func includeLine(data []byte) (line, col int) {
	n := 0
	for text := range bytes.Lines(data) {
		n++
		word, _, _ := bytes.Cut(bytes.TrimRight(text, "\r\n"), []byte(" "))
		word, _, _ = bytes.Cut(word, []byte("\t"))
		if bytes.EqualFold(word, []byte("$INCLUDE")) {
			return n, 1
		}
	}
	return 0, 0
}

func lineStarts(data []byte) []int {
	starts := []int{0}
	for i, c := range data {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// maxRaw bounds how much of a file one record is looked for in.
const maxRaw = 1 << 20

// readRaw reads what the parser does not keep: strings longer than they may
// be, and text that an unquoted semicolon made a comment of.
func (r *Record) readRaw(raw []byte) {
	words, cut := rawWords(raw[:min(len(raw), maxRaw)])
	// The strings are the last words; before them stand owner, TTL, class and type.
	for i, w := range words {
		if !w.quoted && strings.EqualFold(w.text, "TXT") && len(words) > i+1 {
			var list []string
			for _, s := range words[i+1:] {
				list = append(list, s.text)
			}
			if strings.Join(list, "") == r.text() {
				r.Strings = list
				if last := words[len(words)-1]; !last.quoted {
					r.Cut = cut
				}
			}
			return
		}
	}
}

type word struct {
	text   string // escapes read
	quoted bool
}

// rawWords are the words of one record; cut is the comment that begins right
// behind the last word, or that goes on like the list of tags before it.
func rawWords(raw []byte) (words []word, cut string) {
	depth := 0
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '\n' && depth == 0:
			return words, cut
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		case c == '(':
			depth++
			i++
		case c == ')':
			depth--
			i++
		case c == ';':
			end := i
			for end < len(raw) && raw[end] != '\n' {
				end++
			}
			comment := strings.TrimSpace(string(raw[i+1 : end]))
			glued := i > 0 && raw[i-1] > ' ' && raw[i-1] != '"' && raw[i-1] != ')'
			if cut == "" && len(words) > 0 && (glued || tagLike.MatchString(comment)) {
				cut = comment
			}
			i = end
		default:
			w, n := rawWord(raw[i:])
			words = append(words, w)
			i += n
		}
	}
	return words, cut
}

// tagLike is a comment that reads like the next tag of a record.
var tagLike = regexp.MustCompile(`^[a-z]{1,5}=[^ ]`)

func rawWord(raw []byte) (w word, n int) {
	var b strings.Builder
	i := 0
	if w.quoted = raw[0] == '"'; w.quoted {
		i++
	}
	for i < len(raw) {
		c := raw[i]
		if w.quoted && c == '"' {
			i++
			break
		}
		if !w.quoted && strings.IndexByte(" \t\r\n();\"", c) >= 0 {
			break
		}
		if c == '\\' {
			octet, k := escape(string(raw[i:min(len(raw), i+4)]))
			b.WriteByte(octet)
			i += k
			continue
		}
		b.WriteByte(c)
		i++
	}
	w.text = b.String()
	return w, max(i, 1)
}

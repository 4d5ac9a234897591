package aggregate

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/dns"
)

// head and tail are a report around its rows.
const (
	head = `<feedback><report_metadata><org_name>Big</org_name><report_id>%s</report_id><date_range><begin>1793491200</begin>` +
		`<end>1793577599</end></date_range></report_metadata><policy_published><domain>example.com</domain><p>none</p></policy_published>`
	row  = `<record><row><source_ip>10.%d.%d.%d</source_ip><count>1</count></row></record>`
	tail = `</feedback>`
)

func writeRows(w io.Writer, id string, rows int) {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, head, id)
	for i := range rows {
		fmt.Fprintf(b, row, i>>16&255, i>>8&255, i&255)
	}
	b.WriteString(tail)
	b.Flush()
}

// write makes a file of what f writes.
func write(t testing.TB, name string, f func(w io.Writer)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	f(file)
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func gzipped(f func(w io.Writer)) func(w io.Writer) {
	return func(w io.Writer) {
		z := gzip.NewWriter(w)
		f(z)
		z.Close()
	}
}

func zipped(entries map[string]func(w io.Writer)) func(w io.Writer) {
	return func(w io.Writer) {
		z := zip.NewWriter(w)
		for name, f := range entries {
			e, err := z.Create(name)
			if err != nil {
				panic(err)
			}
			f(e)
		}
		z.Close()
	}
}

func text(s string) func(w io.Writer) { return func(w io.Writer) { io.WriteString(w, s) } }

func sample(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "reports", "rfc7489.xml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Whatever a stranger sends is refused with its reason, and nothing of it counts.
func TestHostile(t *testing.T) {
	good := sample(t)
	var packed bytes.Buffer
	gzipped(text(good))(&packed)
	cases := []struct {
		name, want string
		lim        Limits
		content    func(w io.Writer)
	}{
		{"nothing", "it is empty", Limits{}, text("")},
		{"blanks", "it is empty", Limits{}, text(" \r\n")},
		{"noise", "neither XML", Limits{}, text("\x00\x01\x02")},
		{"html", "<html>", Limits{}, text("<html><body>Sign in</body></html>")},
		{"no root", "no element", Limits{}, text("<?xml version='1.0'?>")},
		{"two roots", "goes on", Limits{}, text(good + "<feedback></feedback>")},
		{"external entity", "document type", Limits{}, text(`<!DOCTYPE feedback [<!ENTITY x SYSTEM "file:///etc/passwd">]><feedback><version>&x;</version></feedback>`)},
		{"entity bomb", "document type", Limits{}, text(`<!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><feedback>&b;</feedback>`)},
		{"unknown entity", "entity", Limits{}, text(`<feedback><version>&bomb;</version></feedback>`)},
		{"deep", "nested deeper than 24", Limits{}, text("<feedback>" + strings.Repeat("<a>", 10_000))},
		{"deep known", "nested deeper than 24", Limits{}, text(strings.Repeat("<feedback>", 10_000))},
		{"huge text", "longer than 64 KiB", Limits{}, text("<feedback><version>" + strings.Repeat("x", 1<<20))},
		{"huge tag", "longer than 64 KiB", Limits{}, text("<" + strings.Repeat("x", 1<<20))},
		{"huge attribute", "longer than 64 KiB", Limits{}, text("<feedback a='" + strings.Repeat("x", 1<<20))},
		{"huge comment", "longer than 64 KiB", Limits{}, text("<feedback><!--" + strings.Repeat("x", 1<<20))},
		{"crossed tags", "closes what is not open", Limits{}, text("<feedback><version></feedback></version>")},
		{"cut short", "cut short", Limits{}, text(good[:len(good)-40])},
		{"cut in a tag", "cut short", Limits{}, text(good[:len(good)-4])},
		{"control character", "line 6: illegal character", Limits{}, text(strings.Replace(good, "70133", "\x1b]0;", 1))},
		{"no domain", "no policy domain", Limits{}, text(strings.Replace(good, "Example.COM", "two words", 1))},
		{"no dates", "no date range", Limits{}, text(strings.Replace(good, "1793491200", "yesterday", 1))},
		{"encoding", "utf-7", Limits{}, text(strings.Replace(good, `"1.0"`, `"1.0" encoding="utf-7"`, 1))},
		{"many rows", "more than 10 rows", Limits{Rows: 10}, func(w io.Writer) { writeRows(w, "x", 11) }},
		{"large file", "larger than 100 octets", Limits{FileSize: 100}, text(good)},
		{"gzip cut short", "cut short", Limits{}, text(packed.String()[:packed.Len()-20])},
		{"gzip header only", "cut short", Limits{}, text("\x1f\x8b\x08")},
		{"gzip in gzip", "archive within", Limits{}, gzipped(text(packed.String()))},
		{"gzip of noise", "not XML", Limits{}, gzipped(text("hello"))},
		{"gzip bomb", "200 times", Limits{}, gzipped(func(w io.Writer) {
			io.WriteString(w, "<feedback>")
			for range 1 << 8 {
				io.WriteString(w, strings.Repeat("\n", 60<<10)+"<a/>")
			}
		})},
		{"too much XML", "more than 1000 octets", Limits{ReportSize: 1000}, gzipped(text(good))},
		{"zip bomb", "200 times", Limits{}, zipped(map[string]func(io.Writer){"a.xml": func(w io.Writer) {
			io.WriteString(w, "<feedback>")
			for range 1 << 8 {
				io.WriteString(w, strings.Repeat("\n", 60<<10)+"<a/>")
			}
		}})},
		{"zip in zip", "archive within", Limits{}, zipped(map[string]func(io.Writer){"a.zip": zipped(map[string]func(io.Writer){"a.xml": text(good)})})},
		{"gzip in zip", "archive within", Limits{}, zipped(map[string]func(io.Writer){"a.gz": text(packed.String())})},
		{"empty zip", "archive is empty", Limits{}, zipped(nil)},
		{"zip with many entries", "more than 1 entries", Limits{Parts: 1}, zipped(map[string]func(io.Writer){"a": text(good), "b": text(good)})},
		{"broken zip", "zip:", Limits{}, text("PK\x03\x04" + strings.Repeat("x", 200))},
		{"mail without report", "no report is attached", Limits{}, text("Subject: hello\n\nhow are you\n")},
		{"large mail", "larger than 100 octets", Limits{Message: 100}, text("Subject: hello\n\n" + good)},
		{"no boundary", "no boundary", Limits{}, text("Content-Type: multipart/mixed\n\n--x\n\nhi\n")},
		{"bad base64", "cannot be decoded", Limits{}, text("Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n!!!!\n")},
		{"mail cut short", "cut short", Limits{}, text("Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nhi")},
		{"nested mail", "nested deeper", Limits{}, text(strings.Repeat("Content-Type: message/rfc822\n\n", 50) + "Subject: x\n\nx")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, "report", c.content)
			var errs []string
			stats, err := walk(t.Context(), []string{path}, c.lim, func(r *Report) error {
				t.Errorf("a report of %s was handed over", r.Policy.Domain)
				return nil
			}, func(_ string, err error) { errs = append(errs, err.Error()) })
			if err != nil {
				t.Fatal(err)
			}
			if stats.Skipped != 1 || len(errs) != 1 || !strings.Contains(errs[0], c.want) {
				t.Errorf("skipped %d: %q, want one reason with %q", stats.Skipped, errs, c.want)
			}
		})
	}
}

// What is odd but can be understood is read.
func TestTolerant(t *testing.T) {
	good := sample(t)
	latin := strings.NewReplacer(`"1.0"`, `"1.0" encoding="ISO-8859-1"`, "Mailbox Example", "Correio S\xe3o Jo\xe3o").Replace(good)
	utf16 := []byte{0xff, 0xfe}
	for _, c := range strings.Replace(good, `"1.0"`, `"1.0" encoding="UTF-16"`, 1) {
		utf16 = append(utf16, byte(c), byte(c>>8))
	}
	b64 := base64.StdEncoding.EncodeToString
	var packed bytes.Buffer
	gzipped(text(good))(&packed)
	mime := "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nA report: see below.\r\n" +
		"--x\r\nContent-Type: application/octet-stream; name=r.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(packed.Bytes()) + "\r\n--x--\r\n"
	cases := []struct {
		name, org string
		content   func(w io.Writer)
	}{
		{"byte order mark", "Mailbox Example", text("\ufeff" + good)},
		{"latin-1 as declared", "Correio São João", text(latin)},
		{"latin-1 undeclared", "Correio S\ufffdo Jo\ufffdo", text(strings.Replace(latin, ` encoding="ISO-8859-1"`, "", 1))},
		{"UTF-16", "Mailbox Example", text(string(utf16))},
		{"prefixed names", "Mailbox Example", text(strings.NewReplacer("</", "</r:", "<f", "<r:f", "<r", "<r:r", "<o", "<r:o", "<d", "<r:d", "<b", "<r:b",
			"<e", "<r:e", "<p", "<r:p", "<a", "<r:a", "<s", "<r:s", "<c", "<r:c", "<i", "<r:i", "<h", "<r:h", "<t", "<r:t").Replace(good))},
		{"upper-case names", "Mailbox Example", text(strings.NewReplacer("org_name", "ORG_NAME", "feedback", "Feedback").Replace(good))},
		{"octets after gzip", "Mailbox Example", text(packed.String() + "\r\n\x00")},
		{"gzip", "Mailbox Example", gzipped(text(good))},
		{"zip", "Mailbox Example", zipped(map[string]func(io.Writer){"a/b.xml": text(good)})},
		{"mail", "Mailbox Example", text(mime)},
		{"bare attachment", "Mailbox Example", text("Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n" + b64(packed.Bytes()))},
		{"quoted-printable", "Mailbox Example", text("Content-Type: text/xml\nContent-Transfer-Encoding: quoted-printable\n\n" + strings.ReplaceAll(good, "=", "=3D"))},
		{"forwarded", "Mailbox Example", text("Content-Type: multipart/mixed; boundary=y\n\n--y\nContent-Type: message/rfc822\n\n" + mime + "\n--y--\n")},
		{"mbox", "Mailbox Example", text("From x Mon Nov  2 00:00:00 2026\n" + mime + "\n")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			reports, rows, skipped, _ := read(t, Limits{}, write(t, "report.bin", c.content))
			if len(reports) != 1 || len(skipped) != 0 {
				t.Fatalf("%d reports, skipped %q; want one and none", len(reports), skipped)
			}
			if r := reports[0]; r.Org != c.org || r.Policy.Domain != "example.com" || len(rows["70133"]) != 1 {
				t.Errorf("got organisation %q, domain %s and rows %+v; want %q, example.com and one row", r.Org, r.Policy.Domain, rows, c.org)
			}
		})
	}
}

// A date of no calendar is none: it would end the sum of all reports where that
// is printed (encoding/json refuses a year of five digits).
func TestImpossibleDates(t *testing.T) {
	good := sample(t)
	value := func(tag, v string) string {
		before, rest, _ := strings.Cut(good, "<"+tag+">")
		_, after, ok := strings.Cut(rest, "</"+tag+">")
		if !ok {
			t.Fatalf("the sample has no <%s>", tag)
		}
		return before + "<" + tag + ">" + v + "</" + tag + ">" + after
	}
	for _, v := range []string{"99999999999999999", "-99999999999999", "9223372036854775807"} {
		reports, _, skipped, _ := read(t, Limits{}, write(t, "begin.xml", text(value("begin", v))))
		if len(reports) != 0 || len(skipped) != 1 {
			t.Errorf("begin %s: %d reports, skipped %q; want none and one", v, len(reports), skipped)
		}
		reports, _, _, _ = read(t, Limits{}, write(t, "end.xml", text(value("end", v))))
		if len(reports) != 1 {
			t.Fatalf("end %s: %d reports, want one", v, len(reports))
		}
		if r := reports[0]; r.End.Sub(r.Begin) != 24*time.Hour-time.Second {
			t.Errorf("end %s: the report goes from %v to %v, want a day", v, r.Begin, r.End)
		}
	}
}

// An mbox is read message by message, one with two reports and one with none.
func TestMbox(t *testing.T) {
	one, other := sample(t), strings.Replace(sample(t), "70133", "70134", 1)
	part := "--x\nContent-Type: text/xml; name=r.xml\n\n"
	mbox := "From a Mon\nContent-Type: multipart/mixed; boundary=x\n\n" + part + one + part + other + "\n--x--\n\n" +
		"From b Tue\nSubject: hello\n\n>From here on nothing\n\n" +
		"From c Wed\nContent-Type: text/xml\n\n" + one + "\n"
	_, rows, skipped, stats := read(t, Limits{}, write(t, "all.mbox", text(mbox)))
	if want := (Stats{Files: 1, Reports: 2, Duplicates: 1, Skipped: 1}); stats != want {
		t.Errorf("%+v, want %+v", stats, want)
	}
	if len(rows["70133"]) != 1 || len(rows["70134"]) != 1 || skipped["all.mbox:2"] == "" {
		t.Errorf("rows %v, skipped %v; want both reports and the second message skipped", rows, skipped)
	}
}

// slow is set where every step costs ten: under the race detector.
var slow bool

// A report of a million rows takes the memory of a small one: it is read twice
// instead of kept. Rows are counted, and the live heap is far below their size.
func TestManyRows(t *testing.T) {
	rows := 1_000_000
	if testing.Short() || slow {
		rows = 50_000
	}
	path := write(t, "big.xml.gz", gzipped(func(w io.Writer) { writeRows(w, "big", rows) }))
	n, largest := 0, uint64(0)
	stats, err := walk(t.Context(), []string{path}, Limits{}, func(r *Report) error {
		if r.Rows != rows || r.Messages != int64(rows) || len(r.kept) != 0 {
			t.Errorf("%d rows, %d messages, %d kept; want %d twice and none", r.Rows, r.Messages, len(r.kept), rows)
		}
		return r.each(func(row *Row) error {
			if n++; n%(rows/4) == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				largest = max(largest, m.HeapAlloc)
			}
			return nil
		})
	}, func(source string, err error) { t.Errorf("%s: %v", source, err) })
	if err != nil || stats.Reports != 1 || n != rows {
		t.Fatalf("%d rows of %+v, %v; want %d of one report", n, stats, err, rows)
	}
	if largest > 64<<20 {
		t.Errorf("%d MB were in use while it was read, want less than 64", largest>>20)
	}
}

// Links that lead in circles end, pipes are not waited for, hidden files are
// left alone, and a link to a report is the report.
func TestFolders(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "new", "2026")
	if err := os.MkdirAll(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{filepath.Join(sub, "a.txt"): sample(t), filepath.Join(dir, ".hidden"): "no report"} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for to, from := range map[string]string{dir: filepath.Join(sub, "up"), filepath.Join(sub, "a.txt"): filepath.Join(dir, "b"), filepath.Join(dir, "loop"): filepath.Join(dir, "loop")} {
		if err := os.Symlink(to, from); err != nil {
			t.Skip(err)
		}
	}
	_, _, skipped, stats := read(t, Limits{}, dir, filepath.Join(dir, "nowhere"))
	if want := (Stats{Files: 2, Reports: 1, Duplicates: 1, Skipped: 2}); stats != want {
		t.Errorf("%+v, want %+v; skipped %v", stats, want, skipped)
	}
	if skipped["loop"] == "" || skipped["nowhere"] == "" {
		t.Errorf("skipped %v, want the loop and what is not there", skipped)
	}
	if _, err := walk(t.Context(), []string{dir}, Limits{Files: 1}, func(*Report) error { return nil }, nil); err == nil {
		t.Error("more files than allowed are no error")
	}
}

// The caller's error and the end of the context come back as they are.
func TestWalkStops(t *testing.T) {
	dir := filepath.Join("testdata", "reports")
	enough := errors.New("enough")
	if _, err := walk(t.Context(), []string{dir}, Limits{}, func(*Report) error { return enough }, nil); err != enough {
		t.Errorf("got %v, want the caller's error", err)
	}
	big := write(t, "big.xml", func(w io.Writer) { writeRows(w, "big", rowsKept+1) })
	calls := 0
	_, err := walk(t.Context(), []string{big}, Limits{}, func(r *Report) error {
		return r.each(func(*Row) error { calls++; return enough })
	}, nil)
	if err != enough || calls != 1 {
		t.Errorf("got %v after %d rows, want the caller's error after one", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := walk(ctx, []string{dir}, Limits{}, func(*Report) error { return nil }, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's end", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(sample(f)))
	b, _ := os.ReadFile(filepath.Join("testdata", "reports", "rfc9990.xml"))
	f.Add(b)
	var z bytes.Buffer
	gzipped(text(sample(f)))(&z)
	f.Add(z.Bytes())
	f.Add([]byte("Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/xml\n\n" + sample(f) + "\n--x--\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		w := &Walker{Limits: Limits{ReportSize: 1 << 20, Message: 1 << 20}, Each: func(r *Report) error {
			if _, err := dns.ParseDomain(r.Policy.Domain.String()); err != nil {
				t.Errorf("policy domain: %v", err)
			}
			rows, messages := 0, int64(0)
			err := r.each(func(row *Row) error {
				rows++
				messages += row.Count
				if row.Count < 1 || row.HeaderFrom == "" || row.Addr.Is4In6() {
					t.Errorf("row %+v", row)
				}
				return nil
			})
			if err != nil || rows != r.Rows || messages != r.Messages || r.End.Before(r.Begin) {
				t.Errorf("%d rows and %d messages, %v; the report says %d and %d, from %v to %v", rows, messages, err, r.Rows, r.Messages, r.Begin, r.End)
			}
			return nil
		}}
		if err := w.Reader(t.Context(), "fuzz", bytes.NewReader(b)); err != nil {
			t.Error(err)
		}
	})
}

package report

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
)

// words speaks one language: the words, numbers and dates of reports.
type words struct{ *locale.Localizer }

// wordsFor picks the language asked for, else that of the document, else English.
func wordsFor(lang string, d *Document) words {
	for _, l := range []string{lang, d.Lang} {
		for _, known := range locale.Langs {
			if string(known) == l {
				return words{locale.Must(known)}
			}
		}
	}
	return words{locale.Must(locale.English)}
}

// t gives the message report.<key>. pairs are parameter names and values.
func (w words) t(key string, pairs ...any) string {
	params := check.Params{}
	for i := 0; i+1 < len(pairs); i += 2 {
		params[pairs[i].(string)] = pairs[i+1]
	}
	return w.Text("report."+key, params)
}

// or gives report.<prefix>.<id>, or the fallback where the language has no word
// for an id that a later version brought.
func (w words) or(prefix, id, fallback string) string {
	if s, ok := w.Lookup("report."+prefix+"."+id, check.Params{}); ok {
		return s
	}
	return fallback
}

// count gives "1 error", "3 errors": the messages <key>-1 and <key>-n.
func (w words) count(key string, n int) string {
	if n == 1 {
		return w.t(key + "-1")
	}
	return w.t(key+"-n", "N", w.integer(n))
}

func (w words) integer(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "−", s[1:]
	}
	return sign + group(s, w.separators().thousands)
}

type separators struct{ thousands, decimal string }

func (w words) separators() separators {
	if w.Lang == locale.Portuguese {
		return separators{".", ","}
	}
	return separators{",", "."}
}

func group(digits, sep string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + sep + digits[i:]
	}
	return digits
}

// decimal prints with at most one place: points are sums of fourteenths.
func (w words) decimal(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "–"
	}
	s := strconv.FormatFloat(math.Abs(f), 'f', 1, 64)
	whole, frac, _ := strings.Cut(s, ".")
	sep := w.separators()
	out := group(whole, sep.thousands)
	if frac != "0" {
		out += sep.decimal + frac
	}
	if f < 0 && out != "0" {
		out = "−" + out
	}
	return out
}

// date prints a day: 2026-11-23, in Portuguese 23/11/2026.
func (w words) date(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	if w.Lang == locale.Portuguese {
		return t.UTC().Format("02/01/2006")
	}
	return t.UTC().Format("2006-01-02")
}

// moment prints a day and minute, in UTC.
func (w words) moment(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return w.date(t) + " " + t.UTC().Format("15:04") + " UTC"
}

// duration prints milliseconds as people read them.
func (w words) duration(ms float64) string {
	if ms >= 1000 {
		return w.decimal(ms/1000) + " s"
	}
	return w.decimal(ms) + " ms"
}

func (w words) severity(s check.Severity) string { return w.t("severity." + s.String()) }

func (w words) standard(s check.Standard) string { return w.or("standard", string(s), string(s)) }

func (w words) profile(p check.Profile) string {
	if p == check.ProfileUnknown {
		return w.t("profile.unknown")
	}
	return w.or("profile", string(p), string(p))
}

func (w words) effort(e string) string { return w.or("effort", e, e) }

// lineSubject is the subject of a finding about a line of a message or session.
var lineSubject = regexp.MustCompile(`^line ([0-9]+)$`)

// subject is what a finding is about: a name stays as it is, a line is a word.
func (w words) subject(s string) string {
	if m := lineSubject.FindStringSubmatch(s); m != nil {
		return w.Text("terminal.line", check.Params{"N": m[1]})
	}
	return s
}

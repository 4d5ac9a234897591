//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// result is one run of the program.
type result struct {
	code           int
	stdout, stderr string
}

func (w *world) run(t *testing.T, args ...string) result {
	t.Helper()
	cmd := exec.Command(w.binary, args...)
	cmd.Dir = w.dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// audit runs an audit over the world.
func (w *world) audit(t *testing.T, args ...string) result {
	t.Helper()
	common := []string{"audit", "--dns", resolver, "--allow-private", "--ca-file", w.caFile, "--helo", "probe.nic.example", "--lang", "en"}
	return w.run(t, append(common, args...)...)
}

// document is what the tests read of the JSON.
type document struct {
	Reports []struct {
		Domain  string `json:"domain"`
		Profile struct {
			Name string `json:"name"`
		} `json:"profile"`
		Score struct {
			Value    int    `json:"value"`
			Grade    string `json:"grade"`
			Coverage int    `json:"coverage"`
		} `json:"score"`
		Results []struct {
			ID       string `json:"id"`
			Status   string `json:"status"`
			Severity string `json:"severity"`
			Findings []struct {
				Subject string `json:"subject"`
				Message string `json:"message"`
			} `json:"findings"`
		} `json:"results"`
	} `json:"reports"`
	Exit struct {
		Code    int      `json:"code"`
		Reasons []string `json:"reasons"`
	} `json:"exit"`
}

func decode(t *testing.T, r result) document {
	t.Helper()
	var doc document
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
		t.Fatalf("%v; exit %d, stderr %q, stdout %.300q", err, r.code, r.stderr, r.stdout)
	}
	return doc
}

// TestWorld starts the servers once and looks at them in all ways.
func TestWorld(t *testing.T) {
	w := startWorld(t)
	t.Run("audit", func(t *testing.T) {
		for _, d := range domains {
			t.Run(d.name, func(t *testing.T) { w.testDomain(t, d) })
		}
	})
	t.Run("versions", w.testVersions)
	t.Run("formats", w.testFormats)
	t.Run("replay", w.testReplay)
	t.Run("many", w.testMany)
	t.Run("refusing private addresses", w.testPrivate)
	t.Run("no mail", w.testNoMail)
}

func (w *world) testDomain(t *testing.T, d domain) {
	r := w.audit(t, append([]string{"--format", "json", d.name}, d.args...)...)
	doc := decode(t, r)
	if len(doc.Reports) != 1 || doc.Reports[0].Domain != d.name {
		t.Fatalf("got %d reports, want one of %s", len(doc.Reports), d.name)
	}
	rep := doc.Reports[0]
	t.Logf("%s: %d %s, measured %d of 100; exit %d %s", d.why, rep.Score.Value, rep.Score.Grade, rep.Score.Coverage, r.code, r.stderr)

	var failed, lesser, unknown []string
	for _, res := range rep.Results {
		switch {
		case res.Status == "unknown":
			unknown = append(unknown, res.ID)
		case res.Status != "fail":
		case res.Severity == "warning" || res.Severity == "error":
			failed = append(failed, res.ID)
			if !slices.Contains(d.findings, res.ID) {
				t.Errorf("%s (%s) must not fail: %+v", res.ID, res.Severity, res.Findings)
			}
		default:
			lesser = append(lesser, res.ID)
		}
	}
	for _, want := range []struct {
		status string
		ids    []string
		got    []string
	}{{"fail", d.findings, failed}, {"fail", d.also, lesser}, {"be unknown", d.unknown, unknown}} {
		for _, id := range want.ids {
			if !slices.Contains(want.got, id) {
				t.Errorf("%s must %s", id, want.status)
			}
		}
	}
	if rep.Profile.Name != d.profile {
		t.Errorf("profile: got %q, want %q", rep.Profile.Name, d.profile)
	}
	if d.grade != "" && rep.Score.Grade != d.grade {
		t.Errorf("grade: got %s (%d), want %s", rep.Score.Grade, rep.Score.Value, d.grade)
	}
	measured := d.measured
	if measured == 0 {
		measured = 100
	}
	if d.grade != "–" && rep.Score.Coverage != measured {
		t.Errorf("measured %d of 100 points, want %d", rep.Score.Coverage, measured)
	}
	if r.code != d.exit || doc.Exit.Code != d.exit {
		t.Errorf("exit: got %d, in JSON %d, want %d", r.code, doc.Exit.Code, d.exit)
	}
	// Standard error has one line, saying why the code is not 0, or nothing.
	want := ""
	if d.exit != 0 {
		want = "postseal: " + strings.Join(doc.Exit.Reasons, "; ") + "\n"
	}
	if r.stderr != want {
		t.Errorf("stderr: got %q, want %q", r.stderr, want)
	}
}

func (w *world) testFormats(t *testing.T) {
	page, data := filepath.Join(t.TempDir(), "page.html"), filepath.Join(t.TempDir(), "data.json")
	r := w.audit(t, "-o", "html="+page, "-o", "json="+data, "typical.example")
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("exit %d, stderr %q", r.code, r.stderr)
	}
	for _, want := range []string{"typical.example", "DMARC", "v=DMARC1; p="} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("text lacks %q:\n%s", want, r.stdout)
		}
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<!doctype html>", "typical.example", "mtasts-record-missing", "Content-Security-Policy"} {
		if !strings.Contains(strings.ToLower(string(html)), strings.ToLower(want)) {
			t.Errorf("html lacks %q", want)
		}
	}
	text, err := os.ReadFile(data)
	if err != nil {
		t.Fatal(err)
	}
	decode(t, result{stdout: string(text)})
	rendered := w.run(t, "render", "--lang", "pt-BR", data)
	if rendered.code != 0 || !strings.Contains(rendered.stdout, "typical.example") {
		t.Errorf("render: exit %d, %s%s", rendered.code, rendered.stdout, rendered.stderr)
	}
}

// testReplay holds a recording to giving the same audit, byte for byte, with
// nobody there to ask.
func (w *world) testReplay(t *testing.T) {
	for _, name := range []string{"good.example", "expired.example", "bogus.example", "lame.example", "redirect.example"} {
		tape := filepath.Join(t.TempDir(), "tape")
		live := w.audit(t, "--format", "json", "--record", tape, name)
		played := w.run(t, "audit", "--dns", "127.0.0.99", "--allow-private", "--ca-file", w.caFile,
			"--helo", "probe.nic.example", "--lang", "en", "--format", "json", "--replay", tape, name)
		if played.code != live.code || played.stderr != live.stderr {
			t.Errorf("%s: replay exits %d (%q), the recorded run %d (%q)", name, played.code, played.stderr, live.code, live.stderr)
		}
		if diff := firstDiff(live.stdout, played.stdout); diff != "" {
			t.Errorf("%s: replay differs from the recorded run %s", name, diff)
		}
	}
}

func firstDiff(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("at line %d: recorded %q, replayed %q", i+1, x[i], y[i])
		}
	}
	if len(x) != len(y) {
		return fmt.Sprintf("in length: %d and %d lines", len(x), len(y))
	}
	return ""
}

// testMany audits all domains in one run, which shares cache and connections:
// the verdicts are the same as one by one.
func (w *world) testMany(t *testing.T) {
	args := []string{"--format", "json"}
	// What a user says of selectors would hold for all.
	domains := slices.DeleteFunc(slices.Clone(domains), func(d domain) bool { return slices.Contains(d.args, "--selector") })
	for _, d := range domains {
		args = append(args, d.name)
	}
	r := w.audit(t, args...)
	if r.code != 1 {
		t.Errorf("exit: got %d, want 1; %s", r.code, r.stderr)
	}
	doc := decode(t, r)
	if len(doc.Reports) != len(domains) {
		t.Fatalf("got %d reports, want %d", len(doc.Reports), len(domains))
	}
	for i, rep := range doc.Reports {
		d := domains[i]
		var failed []string
		for _, res := range rep.Results {
			if res.Status == "fail" && (res.Severity == "warning" || res.Severity == "error") {
				failed = append(failed, res.ID)
			}
		}
		slices.Sort(failed)
		want := slices.Sorted(slices.Values(d.findings))
		if rep.Domain != d.name || !slices.Equal(failed, want) {
			t.Errorf("report %d: got %s with %v, want %s with %v", i, rep.Domain, failed, d.name, want)
		}
		if d.grade != "" && rep.Score.Grade != d.grade {
			t.Errorf("%s: got grade %s, want %s", d.name, rep.Score.Grade, d.grade)
		}
	}
}

// testPrivate holds an audit without --allow-private to contacting no address
// of this machine that a domain points to.
func (w *world) testPrivate(t *testing.T) {
	before := w.sessions(t)
	r := w.run(t, "audit", "--dns", resolver, "--ca-file", w.caFile, "--lang", "en", "--format", "json", "good.example")
	if r.code != 1 {
		t.Errorf("exit: got %d, want 1; %s", r.code, r.stderr)
	}
	var failed []string
	for _, res := range decode(t, r).Reports[0].Results {
		if res.Status == "fail" && res.Severity == "error" {
			failed = append(failed, res.ID)
		}
	}
	want := []string{"mtasts-policy-host-special-address", "mx-target-special-address"}
	if slices.Sort(failed); !slices.Equal(failed, want) {
		t.Errorf("errors: got %v, want %v", failed, want)
	}
	if after := w.sessions(t); len(after) != len(before) {
		t.Errorf("%d SMTP sessions to loopback addresses", len(after)-len(before))
	}
}

// testNoMail reads Postfix's log: what every session said, counted by command.
func (w *world) testNoMail(t *testing.T) {
	sessions := w.sessions(t)
	if len(sessions) < 2*len(mailHosts(func(int, ...string) string { return "" })) {
		t.Errorf("the log has %d sessions only", len(sessions))
	}
	polite := map[string]bool{"ehlo": true, "starttls": true, "quit": true, "commands": true}
	for _, s := range sessions {
		for _, count := range strings.Fields(s) {
			if command, _, _ := strings.Cut(count, "="); !polite[command] {
				t.Errorf("a session said more than EHLO, STARTTLS and QUIT: %s", s)
			}
		}
	}
}

var (
	connected    = regexp.MustCompile(`(?m): connect from `)
	disconnected = regexp.MustCompile(`(?m): disconnect from \S+ (.*)$`)
)

// sessions are the command counts of all sessions so far. Postfix logs a
// session when its server process notices the end.
func (w *world) sessions(t *testing.T) []string {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		log, err := os.ReadFile(w.log)
		if err != nil {
			t.Fatal(err)
		}
		ended := disconnected.FindAllStringSubmatch(string(log), -1)
		if len(ended) == len(connected.FindAll(log, -1)) {
			counts := make([]string, len(ended))
			for i, m := range ended {
				counts[i] = m[1]
			}
			return counts
		}
		if time.Now().After(deadline) {
			t.Fatalf("sessions that do not end:\n%s", tail(w.log))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/internal/lab"
	"github.com/postseal/postseal/internal/locale"
)

// BenchmarkOneAudit audits the lab's perfect domain (two mail hosts, MTA-STS,
// SPF with an include) over links of 20 ms. What counts is the ratio to the
// critical path of the exchange, 2r + 6R, and packets for each distinct question.
func BenchmarkOneAudit(b *testing.B) {
	const delay = 20 * time.Millisecond
	l, err := lab.Start(b.Context(), lab.Options{DNSDelay: delay, SMTPDelay: delay})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(l.Close)
	var walls []float64
	var packets, questions int
	for b.Loop() {
		w, err := labWorld(l)
		if err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		doc, err := w.audit(b.Context(), []audit.Request{{Domain: "lighthouse.example", Selectors: []string{"s1", "s2"}}}, locale.Must(locale.English))
		if err != nil {
			b.Fatal(err)
		}
		walls = append(walls, float64(time.Since(start))/float64(8*delay))
		packets += doc.Reports[0].Network.DNSPackets
		questions += doc.Reports[0].Network.DNSQueries
		if err := w.close(nil); err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(walls)
	b.ReportMetric(walls[len(walls)/2], "×(2r+6R)")
	b.ReportMetric(float64(packets)/float64(questions), "packets/question")
}

// BenchmarkColdStart compares `postseal version` with a program that prints one
// line, in interleaved rounds.
func BenchmarkColdStart(b *testing.B) {
	dir := b.TempDir()
	hello := filepath.Join(dir, "hello.go")
	if err := os.WriteFile(hello, []byte("package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello\") }\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	build := func(out, pkg string) string {
		path := filepath.Join(dir, out)
		if msg, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, msg)
		}
		return path
	}
	ours, theirs := build("postseal", "."), build("hello", hello)
	took := func(name string, args ...string) float64 {
		start := time.Now()
		if err := exec.Command(name, args...).Run(); err != nil {
			b.Fatal(err)
		}
		return float64(time.Since(start))
	}
	var ratios []float64
	for b.Loop() {
		ratios = append(ratios, took(ours, "version")/took(theirs))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "×hello")
}

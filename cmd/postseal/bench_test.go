package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/lab"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// BenchmarkOneAudit audits domains of the lab with one, two and five mail hosts
// (MTA-STS, DANE, SPF with includes) over links of 20 ms. What counts is the
// ratio to the critical path of the exchange, 2r + 6R, and packets for each
// distinct question. How many round trips the path has is counted exactly by
// TestRounds in package audit.
func BenchmarkOneAudit(b *testing.B) {
	const delay = 20 * time.Millisecond
	l, err := lab.Start(b.Context(), lab.Options{DNSDelay: delay, SMTPDelay: delay})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(l.Close)
	for i, d := range l.Measured() {
		b.Run(fmt.Sprintf("mx=%d", []int{1, 2, 5}[i]), func(b *testing.B) {
			var walls []float64
			var n report.Network
			for b.Loop() {
				rep, took, err := auditFar(b.Context(), l, d)
				if err != nil {
					b.Fatal(err)
				}
				walls = append(walls, float64(took)/float64(8*delay))
				n = rep.Network
			}
			slices.Sort(walls)
			b.ReportMetric(walls[len(walls)/2], "x-floor")
			b.ReportMetric(walls[0], "x-floor-best")
			b.ReportMetric(float64(n.DNSPackets)/float64(n.DNSQueries), "packets/question")
			b.ReportMetric(float64(n.SMTPConnections), "sessions")
		})
	}
}

// auditFar audits one domain of the lab with nothing in the cache, and tells how
// long that took.
func auditFar(ctx context.Context, l *lab.Lab, d lab.Domain) (*report.Report, time.Duration, error) {
	w, err := labWorld(l)
	if err != nil {
		return nil, 0, err
	}
	start := time.Now()
	doc, err := w.audit(ctx, []audit.Request{{Domain: dns.Name(d.Name), Selectors: d.Selectors}}, locale.Must(locale.English))
	took := time.Since(start)
	if err != nil {
		return nil, 0, err
	}
	return doc.Reports[0], took, w.close(nil)
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

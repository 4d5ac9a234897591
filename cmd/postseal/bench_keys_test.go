package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkKeyMaking compares `postseal generate dkim`, whole process, file and
// record included, with `openssl genrsa`, in turns. How long a search for primes
// takes is luck: the ratio is that of the sums of many rounds; the two medians
// stand beside it.
func BenchmarkKeyMaking(b *testing.B) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		b.Skip("there is no openssl here to compare with")
	}
	dir := b.TempDir()
	ours := filepath.Join(dir, "postseal")
	if msg, err := exec.Command("go", "build", "-o", ours, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, msg)
	}
	took := func(name string, args ...string) time.Duration {
		start := time.Now()
		if msg, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, msg)
		}
		return time.Since(start)
	}
	for _, c := range []struct{ bits, rounds int }{{2048, 60}, {4096, 30}} {
		b.Run(fmt.Sprint("rsa", c.bits), func(b *testing.B) {
			var mine, theirs []time.Duration
			n := 0
			for b.Loop() {
				for range c.rounds {
					n++
					mine = append(mine, took(ours, "generate", "dkim", "example.com", "--offline", "--key-dir", dir,
						"--type", fmt.Sprint("rsa", c.bits), "--selector", fmt.Sprintf("r%d-%d", c.bits, n)))
					theirs = append(theirs, took(openssl, "genrsa", "-out", filepath.Join(dir, "theirs.pem"), fmt.Sprint(c.bits)))
				}
			}
			sum := func(list []time.Duration) (total time.Duration) {
				for _, d := range list {
					total += d
				}
				return total
			}
			median := func(list []time.Duration) float64 {
				slices.Sort(list)
				return float64(list[len(list)/2].Microseconds()) / 1000
			}
			b.ReportMetric(float64(sum(mine))/float64(sum(theirs)), "×openssl")
			b.ReportMetric(median(mine), "ms/key")
			b.ReportMetric(median(theirs), "openssl-ms/key")
			b.ReportMetric(0, "ns/op")
		})
	}
}

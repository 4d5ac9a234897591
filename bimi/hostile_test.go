package bimi

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/hostile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestHostileHosts fetches a logo and a certificate from hosts that mean harm.
// Each fetch ends by a limit or a deadline; what the host could send stays below
// a small bound, and so does all that was allocated meanwhile, on both sides
// together. A deadline leaves the files untold; what the host answered is a finding.
func TestHostileHosts(t *testing.T) {
	const world = "default._bimi.example.com. TXT \"v=BIMI1; l=https://e.example.com/l.svg; a=https://e.example.com/m.pem\"\ne.example.com. A 5.6.7.8\n"
	want := map[string]struct{ word, logo, mark string }{
		hostile.EndlessBody:   {ErrTooLarge, "bimi-logo-fetch", "bimi-vmc-fetch"},
		hostile.EndlessChunks: {ErrHTTP, "bimi-logo-fetch", "bimi-vmc-fetch"},
		hostile.EndlessHints:  {ErrHTTP, "bimi-logo-fetch", "bimi-vmc-fetch"},
		hostile.Drip:          {ErrTimeout, "", ""},
		hostile.DripHeaders:   {ErrTimeout, "", ""},
		hostile.GzipBomb:      {"", "bimi-logo-fetch", "bimi-vmc-parse"}, // unpacked up to 1 MiB, then refused
		hostile.SVGZBomb:      {"", "bimi-logo-fetch", "bimi-vmc-parse"},
		hostile.RedirectLoop:  {ErrRedirect, "bimi-logo-fetch", "bimi-vmc-fetch"},
		hostile.LongHeader:    {ErrHTTP, "bimi-logo-fetch", "bimi-vmc-fetch"},
		hostile.ManyHeaders:   {ErrHTTP, "bimi-logo-fetch", "bimi-vmc-fetch"},
		hostile.TLSStall:      {ErrTimeout, "", ""},
		hostile.TLSHalf:       {ErrTimeout, "", ""},
		hostile.ChunkGarbage:  {ErrHTTP, "bimi-logo-fetch", "bimi-vmc-fetch"},
		hostile.NULs:          {"", "bimi-svg-malformed", "bimi-vmc-parse"},
		hostile.NULHeader:     {ErrHTTP, "bimi-logo-fetch", "bimi-vmc-fetch"},
		hostile.Garbage:       {ErrHTTP, "bimi-logo-fetch", "bimi-vmc-fetch"},
		hostile.Hangup:        {ErrHTTP, "bimi-logo-fetch", "bimi-vmc-fetch"},
	}
	hostile.Prepare()
	for _, kind := range hostile.Kinds {
		t.Run(kind, func(t *testing.T) {
			host := hostile.Serve(t, kind, "e.example.com")
			d := &dial.Dialer{Redirects: []dial.Redirect{{Port: 443, To: host.Addr}}}
			fetcher := NewFetcher(d, host.Roots, time.Now, nil)
			fetcher.Whole = 600 * time.Millisecond
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			f, err := Gather(t.Context(), dnstest.New(t, world), fetcher, "example.com", GatherOptions{Now: time.Now()})
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			f.Profile, f.DMARC = check.ProfileMail, gate("")
			w := want[kind]
			if f.Logo.Fetch.Error != w.word || f.Evidence.Fetch.Error != w.word {
				t.Fatalf("the fetches ended with %q and %q, want %q: %s", f.Logo.Fetch.Error, f.Evidence.Fetch.Error, w.word, f.Logo.Fetch.Detail)
			}
			// Two files, of at most 256 and 512 KiB, and what buffers hold.
			if sent := host.Sent(); sent > 3<<20 {
				t.Errorf("the host could send %d octets", sent)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 24<<20 {
				t.Errorf("%d octets were allocated", n)
			}
			connections := 2
			if kind == hostile.RedirectLoop {
				connections = 2 * (1 + maxRedirects)
			}
			if n := host.Connections(); n != connections || fetcher.Requests() != n {
				t.Errorf("%d connections, %d counted, want %d", n, fetcher.Requests(), connections)
			}
			var failed []string
			var untold int
			for _, r := range check.Evaluate(Rules, f) {
				if r.Status == check.Fail {
					failed = append(failed, r.Rule.ID)
				}
				if slices.ContainsFunc(r.Causes, func(c check.Cause) bool { return c.Code == "bimi-timeout" }) {
					untold++
				}
			}
			switch {
			case w.logo == "" && (len(failed) > 0 || untold < 2):
				t.Errorf("found %v, %d rules unknown; want none found", failed, untold)
			case w.logo != "" && (!slices.Contains(failed, w.logo) || !slices.Contains(failed, w.mark)):
				t.Errorf("found %v, want %s and %s", failed, w.logo, w.mark)
			}
		})
	}
}

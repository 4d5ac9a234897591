package mtasts

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/hostile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestHostileHosts fetches a policy from hosts that mean harm. Each fetch ends by
// a limit or a deadline; what the host could send stays below a small bound, and
// so does all that was allocated meanwhile, on both sides together. A deadline
// leaves the policy untold; what the host answered is a finding.
func TestHostileHosts(t *testing.T) {
	const world = "_mta-sts.example.com. TXT \"v=STSv1; id=1\"\nmta-sts.example.com. A 5.6.7.8\nexample.com. MX 10 mx.example.com.\nmx.example.com. A 5.6.7.9\n"
	want := map[string]struct{ word, rule string }{
		hostile.EndlessBody:   {ErrTooLarge, "mtasts-policy-too-large"},
		hostile.EndlessChunks: {ErrHTTP, "mtasts-policy-connect-failed"}, // more chunk overhead than data
		hostile.EndlessHints:  {ErrHeaders, "mtasts-policy-connect-failed"},
		hostile.Drip:          {ErrTimeout, ""},
		hostile.DripHeaders:   {ErrTimeout, ""},
		hostile.GzipBomb:      {"", "mtasts-policy-syntax"}, // nothing is unpacked: 64 MiB would show below
		hostile.SVGZBomb:      {"", "mtasts-policy-syntax"},
		hostile.RedirectLoop:  {"", "mtasts-policy-redirect"},
		hostile.LongHeader:    {ErrHeaders, "mtasts-policy-connect-failed"},
		hostile.ManyHeaders:   {ErrHeaders, "mtasts-policy-connect-failed"},
		hostile.TLSStall:      {ErrTimeout, ""},
		hostile.TLSHalf:       {ErrTimeout, ""},
		hostile.ChunkGarbage:  {ErrHTTP, "mtasts-policy-connect-failed"},
		hostile.NULs:          {"", "mtasts-policy-syntax"},
		hostile.NULHeader:     {ErrHTTP, "mtasts-policy-connect-failed"},
		hostile.Garbage:       {ErrHTTP, "mtasts-policy-connect-failed"},
		hostile.Hangup:        {ErrHTTP, "mtasts-policy-connect-failed"},
	}
	hostile.Prepare()
	for _, kind := range hostile.Kinds {
		t.Run(kind, func(t *testing.T) {
			host := hostile.Serve(t, kind, hostName)
			fetcher := NewFetcher(to(host.Addr), host.Roots, time.Now, nil)
			fetcher.Limits = Limits{Connect: time.Second, TLS: 500 * time.Millisecond, Whole: 700 * time.Millisecond}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			f, err := Gather(t.Context(), dnstest.New(t, world), fetcher, "example.com")
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			f.Profile = check.ProfileMail
			w := want[kind]
			if f.Fetch == nil || f.Fetch.Error != w.word {
				t.Fatalf("the fetch ended with %q, want %q: %+v", f.Fetch.Error, w.word, f.Fetch.Detail)
			}
			if sent := host.Sent(); sent > 1<<20 {
				t.Errorf("the host could send %d octets", sent)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
				t.Errorf("%d octets were allocated", n)
			}
			if n := host.Connections(); n != 1 {
				t.Errorf("%d connections", n)
			}
			var failed []string
			untold := false
			for _, r := range check.Evaluate(Rules, f) {
				if r.Status == check.Fail {
					failed = append(failed, r.Rule.ID)
				}
				untold = untold || slices.ContainsFunc(r.Causes, func(c check.Cause) bool { return c.Code == "mtasts-timeout" })
			}
			if w.rule == "" && (len(failed) > 0 || !untold) || w.rule != "" && !slices.Contains(failed, w.rule) {
				t.Errorf("found %v, want %q (unknown: %v)", failed, w.rule, untold)
			}
		})
	}
}

package audit

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/score"
	"github.com/postseal/postseal/starttls"
)

// failing answers from a world, but for one question, which fails.
type failing struct {
	dns.Resolver
	name  dns.Name
	qtype dns.Type
	kind  dns.Kind
}

func (f failing) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	if name == f.name && qtype == f.qtype {
		return dns.Answer{}, &dns.Error{Name: name, Type: qtype, Kind: f.kind, Server: "dnstest"}
	}
	return f.Resolver.Resolve(ctx, name, qtype)
}

// goodHosts is a probe that finds every port 25 in order and no other port.
type goodHosts struct{}

func (goodHosts) Probe(_ context.Context, t starttls.Target) *starttls.Session {
	if t.Port != 25 {
		return &starttls.Session{Target: t, Status: "refused"}
	}
	return &starttls.Session{
		Target: t, Status: "ok", Step: starttls.StepEHLOTLS, Banner: t.Host.String() + " ESMTP",
		Capabilities: []string{"STARTTLS", "8BITMIME"}, CapabilitiesTLS: []string{"8BITMIME"}, STARTTLS: "offered",
		TLS: &starttls.TLS{Version: "TLS 1.3"}, Certificate: &starttls.Cert{Verdict: "ok"},
	}
}

// judged is what one audit came to.
type judged struct {
	status   map[string]check.Status
	findings map[string]check.Severity // by "rule subject", consequences too
	failed   map[string]bool           // rules with a finding, consequences too
	profile  check.Profile
	score    score.Score
	asked    []dns.Lookup
}

func judgeWorld(t *testing.T, r dns.Resolver, c *txtar.Archive, domain dns.Name, change ...func(*Auditor)) judged {
	t.Helper()
	a := &Auditor{Resolver: r, Now: testNow, Prober: goodHosts{}}
	req := Request{Domain: domain}
	for _, f := range c.Files {
		switch f.Name {
		case "policy":
			a.Fetcher = fixedPolicy(f.Data)
		case "selectors":
			req.Selectors = strings.Fields(string(f.Data))
		}
	}
	for _, f := range change {
		f(a)
	}
	out, err := a.Audit(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	_, scored := out.score()
	j := judged{status: map[string]check.Status{}, findings: map[string]check.Severity{}, failed: map[string]bool{}, profile: out.Facts.Profile,
		score: scored, asked: out.Queries}
	metas := map[string]*check.Meta{}
	for _, m := range Metas() {
		metas[m.ID] = m
	}
	found := func(id string, f *check.Finding) {
		key := id + " " + f.Subject
		j.failed[id], j.findings[key] = true, max(j.findings[key], metas[id].SeverityOf(f))
	}
	for _, res := range out.Results {
		j.status[res.Rule.ID] = res.Status
		for _, f := range res.Findings {
			found(res.Rule.ID, &f)
			for _, c := range f.Consequences {
				found(c.Rule, &c.Finding)
			}
		}
	}
	return j
}

// TestFailedLookups fails each question of an audit in turn. A failed look-up
// may only take knowledge away: no rule finds what it did not find before, none
// passes or keeps quiet about what it found before, and what the score could be
// only becomes wider.
func TestFailedLookups(t *testing.T) {
	paths, err := filepath.Glob("testdata/failures/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no worlds in testdata/failures (%v)", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c := txtar.Parse(data)
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(c.Files, func(f txtar.File) bool { return f.Name == "zone" })
			world := dnstest.New(t, string(c.Files[i].Data))
			domain := dns.Name(strings.TrimSpace(strings.SplitN(string(c.Comment), "\n", 2)[0]))
			base := judgeWorld(t, world, c, domain)
			t.Logf("%s %d (%d to %d), %d questions, findings %v", base.profile, base.score.Value, base.score.Worst, base.score.Best, len(base.asked), keys(base.failed))
			for _, q := range base.asked {
				for _, kind := range []dns.Kind{dns.ServFail, dns.Timeout, dns.Refused, dns.Lame, dns.Truncated} {
					got := judgeWorld(t, failing{world, q.Name, q.Type, kind}, c, domain)
					for _, bad := range lessKnown(base, got) {
						t.Errorf("without %s %s (%s): %s", q.Name, q.Type, kind, bad)
					}
				}
			}
			for what, change := range map[string]func(*Auditor){
				"HTTPS that answers": func(a *Auditor) { a.Fetcher = slowPolicy{} },
				"HTTPS":              func(a *Auditor) { a.Fetcher = nil },
				"SMTP":               func(a *Auditor) { a.Prober, a.NoSMTP = nil, "disabled" },
				"an open port 25":    func(a *Auditor) { a.Prober = silentHosts{} },
			} {
				for _, bad := range lessKnown(base, judgeWorld(t, world, c, domain, change)) {
					t.Errorf("without %s: %s", what, bad)
				}
			}
		})
	}
}

// slowPolicy is a policy host that never answers.
type slowPolicy struct{}

func (slowPolicy) FetchPolicy(_ context.Context, domain dns.Name, _ []netip.Addr) *mtasts.Fetch {
	return &mtasts.Fetch{URL: mtasts.PolicyURL(domain), Error: mtasts.ErrTimeout, Phase: mtasts.PhaseConnect}
}

// silentHosts is a network that lets nothing out on the mail ports.
type silentHosts struct{}

func (silentHosts) Probe(_ context.Context, t starttls.Target) *starttls.Session {
	return &starttls.Session{Target: t, Status: "silent"}
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// tellsOfFailure are the rules whose very subject is a failed look-up: a lower
// bound is one because something is missing from it, and a server that answers
// for one address family and fails for the other has been proven at fault.
var tellsOfFailure = map[string]bool{"spf-lookup-cost-unknown": true, "mx-target-lookup-failed": true}

// ofServerMet are remarks about a server that was met; of one that was not met
// there is nothing to say.
var ofServerMet = map[string]bool{"relay-not-tested": true, "smtp-smuggling-not-tested": true}

// lessKnown lists what an audit says that a fuller one did not.
func lessKnown(full, got judged) []string {
	var bad []string
	for _, f := range keys(got.findings) {
		id, _, _ := strings.Cut(f, " ")
		if got.findings[f] > full.findings[f] && !tellsOfFailure[id] && !(id == "mx-target-nxdomain" && got.status["mx-target-unregistered"] == check.Unknown) {
			bad = append(bad, fmt.Sprintf("finds %s %s", got.findings[f], f))
		}
	}
	for _, id := range keys(full.failed) {
		if s := got.status[id]; !got.failed[id] && s != check.Unknown && !ofServerMet[id] {
			bad = append(bad, fmt.Sprintf("%s was found, now %s", id, s))
		}
	}
	worst := full.score.Worst
	if slices.ContainsFunc(full.score.Caps, func(c score.Cap) bool {
		return !slices.ContainsFunc(got.score.Caps, func(o score.Cap) bool { return o.ID == c.ID })
	}) {
		// What a cap stands for is behind the failure: unless it is plain absence,
		// worst cannot assume it (docs/decisions/0001), or each domain with one
		// include that timed out might be said to let everyone pass.
		worst = 100
	}
	if got.score.Worst > worst || got.score.Best < full.score.Best {
		bad = append(bad, fmt.Sprintf("score %d (%d to %d) became %d (%d to %d) %s", full.score.Value, full.score.Worst, full.score.Best,
			got.score.Value, got.score.Worst, got.score.Best, got.profile))
	}
	return bad
}

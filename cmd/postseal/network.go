package main

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/bimi"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/atomicfile"
	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/tape"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/starttls"
)

// netFlags say how the world is asked. They mean the same in every command.
type netFlags struct {
	servers      []string
	zones        []string
	offline      bool
	record       string
	replay       string
	connectTo    []string
	caFile       string
	bimiCA       string
	allowPrivate bool
	trustAD      bool
	dnssec       string
	trustAnchor  string
	noSMTP       bool
	tlsVersions  string
	helo         string
	smtp         smtpFlags
	timeout      time.Duration

	changed func(flag string) bool // tells whether the user gave a flag
}

// add adds every flag; addDNS those of commands that only ask DNS.
func (f *netFlags) add(cmd *cobra.Command) {
	f.addDNS(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.record, "record", "", "write every answer of the run to `FILE`")
	fl.StringVar(&f.replay, "replay", "", "take every answer from a `FILE` that --record wrote")
	fl.StringArrayVar(&f.connectTo, "connect-to", nil, "send HTTPS and SMTP connections to `ELSEWHERE`, NAME:PORT:ADDR:PORT (repeatable)")
	fl.BoolVar(&f.allowPrivate, "allow-private", false, "connect to private and other special-purpose addresses too")
	fl.StringVar(&f.bimiCA, "bimi-ca", "", "trust the roots in this PEM `FILE` for BIMI mark certificates")
	fl.BoolVar(&f.noSMTP, "no-smtp", false, "do not probe the mail ports")
	fl.StringVar(&f.tlsVersions, "tls-versions", "quick", "handshakes at a mail port by `LEVEL`: quick, standard (old versions and weak suites too: 6 connections), deep (24), or off (no probe)")
	fl.Lookup("timeout").Usage = "give up on a domain after this `TIME`; with --tls-versions standard or deep 2 or 5 minutes unless given"
	complete(cmd, "tls-versions", "quick", "standard", "deep", "off")
	fl.StringVar(&f.helo, "helo", "", "`NAME` to give in EHLO (default: this machine's)")
	cmd.MarkFlagsMutuallyExclusive("record", "replay")
	cmd.MarkFlagsMutuallyExclusive("offline", "record")
}

func (f *netFlags) addDNS(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.servers, "dns", []string{"system"}, "ask `RESOLVER`: system, ADDRESS[:PORT], tls://HOST or https://HOST/PATH (repeatable)")
	fl.Lookup("dns").DefValue = "system" // without the brackets of a list
	fl.StringArrayVar(&f.zones, "zone", nil, "answer from this zone file, `[ORIGIN=]FILE` (repeatable)")
	fl.BoolVar(&f.offline, "offline", false, "let nothing leave this machine; what zone files do not answer is unknown")
	fl.StringVar(&f.caFile, "ca-file", "", "trust the authorities in this PEM `FILE` besides the system's")
	fl.BoolVar(&f.trustAD, "trust-ad", false, "believe the resolver's word on DNSSEC although the path to it is open")
	fl.DurationVar(&f.timeout, "timeout", time.Minute, "give up on a domain after this `TIME`")
	f.changed = fl.Changed
	fl.StringVar(&f.dnssec, "dnssec", dnssecAD, "know DNSSEC by `HOW`: from the resolver's word (ad), or by checking each answer here (validate)")
	fl.StringVar(&f.trustAnchor, "trust-anchor", "", "validate from the DS or DNSKEY records in this `FILE` instead of the root's keys")
}

// world is everything an audit asks, opened from the flags.
type world struct {
	run     *dns.Run
	dialer  *dial.Dialer // of SMTP; HTTPS has one of its own, so that each is counted
	fetcher *mtasts.HTTPFetcher
	logos   *bimi.HTTPFetcher
	auditor *audit.Auditor
	tape    *tape.Tape
	record  string
	timeout time.Duration
	now     func() time.Time
	slim    bool // only a line a domain is wanted
}

// clients is what the HTTPS and SMTP clients are told besides the flags.
type clients struct {
	redirects []dial.Redirect
	roots     *x509.CertPool // nil: the system's
}

// open builds the resolver and the clients. It asks nothing yet.
func (f *netFlags) open(now func() time.Time) (*world, error) {
	var c clients
	var err error
	for _, s := range f.connectTo {
		r, err := dial.ParseRedirect(s)
		if err != nil {
			return nil, usage("%w", err)
		}
		c.redirects = append(c.redirects, r)
	}
	if c.roots, err = loadRoots(f.caFile); err != nil {
		return nil, err
	}
	return f.openWith(now, c)
}

func (f *netFlags) openWith(now func() time.Time, c clients) (*world, error) {
	level, err := f.level()
	if err != nil {
		return nil, err
	}
	if f.smtp.patient && f.changed != nil && !f.changed("timeout") {
		f.timeout = max(f.timeout, patientTimeout)
	}
	w := &world{record: f.record, timeout: f.timeout, now: now}
	if f.timeout <= 0 {
		return nil, usage("--timeout must be more than zero")
	}
	if err := w.openTape(f); err != nil {
		return nil, err
	}
	zones, err := loadZones(f.zones)
	if err != nil {
		return nil, err
	}
	anchors, err := f.anchors()
	if err != nil {
		return nil, err
	}
	playing := w.tape.Playing()
	w.dialer = &dial.Dialer{AllowPrivate: f.allowPrivate, Redirects: c.redirects, Offline: f.offline || playing}
	w.run, err = dns.NewRun(dns.RunConfig{
		Config:       dns.Config{Servers: f.servers, TrustAD: f.trustAD, RootCAs: c.roots, Offline: f.offline},
		Zones:        zones,
		Tape:         w.tape,
		Validate:     f.dnssec == dnssecValidate,
		Anchors:      anchors,
		Now:          w.now,
		NoLog:        true, // each domain keeps its own
		AllowPrivate: f.allowPrivate,
		Redirect:     w.dialer.RedirectedAddr,
	})
	if err != nil {
		return nil, usage("%w", plain(err))
	}
	web := &dial.Dialer{AllowPrivate: f.allowPrivate, Redirects: c.redirects, Offline: f.offline || playing}
	w.fetcher = mtasts.NewFetcher(web, c.roots, w.now, w.tape)
	if f.smtp.patient {
		w.fetcher.Limits = mtasts.PatientLimits
	}
	w.logos = bimi.NewFetcher(web, c.roots, w.now, w.tape)
	w.auditor = &audit.Auditor{
		Resolver: w.run, Fetcher: w.fetcher, Logos: w.logos, AllowPrivate: f.allowPrivate, Now: w.now,
		AskServer: func(ctx context.Context, server netip.Addr, name dns.Name, qtype dns.Type) (dns.Answer, error) {
			return w.run.AskServer(ctx, netip.AddrPortFrom(server, 53), name, qtype)
		},
	}
	if w.auditor.MarkRoots, err = loadMarkRoots(f.bimiCA); err != nil {
		return nil, err
	}
	// With redirects an offline run still has servers of its own to ask.
	offline := f.offline && len(c.redirects) == 0
	if offline {
		w.auditor.Fetcher, w.auditor.Logos = nil, nil
		w.auditor.AskServer = nil
	}
	switch {
	case f.noSMTP:
		w.auditor.NoSMTP = "disabled"
	case offline:
		w.auditor.NoSMTP = "offline"
	default:
		probe := starttls.Config{Dialer: w.dialer, Roots: c.roots, HELO: f.helo, Now: w.now, Tape: w.tape, Level: level}
		if err := f.smtp.open(w, &probe); err != nil {
			return nil, err
		}
		w.auditor.Prober = starttls.NewProber(probe)
	}
	return w, nil
}

// level is what --tls-versions asks for. Pauses between handshakes take time,
// so a run has more of it, unless the user said how much.
func (f *netFlags) level() (starttls.Level, error) {
	level := starttls.Level(f.tlsVersions)
	switch {
	case level == "off":
		f.noSMTP = true
		return starttls.LevelQuick, nil
	case level == "": // a command without the flag
		return starttls.LevelQuick, nil
	case !slices.Contains(starttls.Levels, level):
		return "", usage("--tls-versions %q is none of quick, standard, deep, off", f.tlsVersions)
	}
	if f.changed != nil && !f.changed("timeout") {
		switch level {
		case starttls.LevelStandard:
			f.timeout = 2 * time.Minute
		case starttls.LevelDeep:
			f.timeout = 5 * time.Minute
		}
	}
	return level, nil
}

// begin opens the world for a command that only asks DNS, within --timeout. The
// caller calls done when it has asked all.
func (f *netFlags) begin(parent context.Context) (ctx context.Context, w *world, done func(), err error) {
	if w, err = f.open(time.Now); err != nil {
		return nil, nil, nil, err
	}
	ctx, cancel := context.WithTimeout(parent, f.timeout)
	stop := progressOf(parent).watch(w, 0)
	return ctx, w, func() { stop(); cancel(); w.run.Close() }, nil
}

// openTape opens the recording to play or to make. A run that is recorded has
// one time, so that the same audit comes from the recording.
func (w *world) openTape(f *netFlags) error {
	switch {
	case f.replay != "":
		file, err := os.Open(f.replay)
		if err != nil {
			return usage("--replay: %w", err)
		}
		defer file.Close()
		if w.tape, err = tape.Player(file); err != nil {
			return usage("--replay %s: %w", f.replay, err)
		}
		var at time.Time
		ok, err := w.tape.Get("clock", "start", &at)
		if err != nil {
			return usage("--replay %s: %w", f.replay, err)
		}
		if ok {
			w.now = func() time.Time { return at }
		}
	case f.record != "":
		if err := atomicfile.Check(f.record); err != nil {
			return usage("--record: %w", err)
		}
		w.tape = tape.Recorder()
		at := w.now().UTC().Truncate(time.Second)
		w.now = func() time.Time { return at }
		return w.tape.Put("clock", "start", at)
	}
	return nil
}

// close ends the run. Of a run that came to its end it writes the recording, if
// one was asked for.
func (w *world) close(run error) error {
	w.run.Close()
	if run != nil || !w.tape.Recording() {
		return nil
	}
	err := atomicfile.Write(w.record, 0o644, func(f *os.File) error {
		_, err := w.tape.WriteTo(f)
		return err
	})
	if err != nil {
		return usage("--record: %w", err)
	}
	return nil
}

// Bounds of the files that the network flags name: a device never ends.
const (
	maxZoneFile  = 64 << 20
	maxRootsFile = 16 << 20
)

// bounded is a reader that fails, rather than ends, where too much comes: half
// a zone must not pass for a whole one.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errors.New("the file is too large")
	}
	return n, err
}

func loadZones(specs []string) ([]*dns.Zone, error) {
	var zones []*dns.Zone
	for _, spec := range specs {
		origin, path := dns.Name(""), spec
		// A path may hold a "="; only what parses as a domain is an origin.
		if before, after, ok := strings.Cut(spec, "="); ok {
			if n, err := dns.ParseDomain(before); err == nil {
				origin, path = n, after
			} else if before == "." {
				origin, path = dns.Root, after
			}
		}
		file, err := os.Open(path)
		if err != nil {
			return nil, usage("--zone: %w", err)
		}
		if info, err := file.Stat(); err == nil && info.IsDir() {
			file.Close()
			return nil, usage("--zone: %s is a folder", path)
		}
		z, err := dns.ParseZone(&bounded{file, maxZoneFile}, origin, path)
		file.Close()
		if err != nil {
			return nil, usage("--zone: %w", err)
		}
		zones = append(zones, z)
	}
	return zones, nil
}

func loadRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, usage("--ca-file: %w", err)
	}
	defer file.Close()
	pem, err := io.ReadAll(&bounded{file, maxRootsFile})
	if err != nil {
		return nil, usage("--ca-file: reading %s: %w", path, bare(err))
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, usage("--ca-file: %s holds no certificate in PEM form", path)
	}
	return pool, nil
}

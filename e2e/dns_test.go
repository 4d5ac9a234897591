//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

const (
	ns1, ns2 = "127.0.1.53", "127.0.2.53" // of one Knot that serves all zones
	refuser  = "127.0.3.53"               // of a Knot that refuses nearly all, and has old versions of the rest
	resolver = "127.0.0.53"
)

// zone is a zone to be served.
type zone struct {
	origin string // absolute
	text   string // records, owners relative to origin; SOA and NS are added
	serial int    // 0: the usual one
	signed bool
	badDS  bool // the parent publishes a DS of no key of the zone

	older string // what ns.refuser.example serves under an older serial; "" for nothing

	policy string // of Knot: "" for NSEC, else nsec3 or opt-out
	island bool   // the parent publishes no DS
	ds     string // published by the parent; the text is a whole zone, signed already
}

// startDNS starts Knot with the zones below example., example. itself and a root,
// then unbound over that root. more are records of example.
func startDNS(t *testing.T, dir string, zones []zone, more string) {
	knot := folder(t, dir, "knot")
	top := zone{origin: "example.", signed: true, text: more +
		"ns1.nic A " + ns1 + "\nns2.nic A " + ns2 + "\nns.refuser A " + refuser + "\n"}
	root := zone{origin: ".", signed: true, text: "example. NS ns1.nic.example.\nexample. NS ns2.nic.example.\n" +
		"ns1.nic.example. A " + ns1 + "\nns2.nic.example. A " + ns2 + "\n"}
	conf := knotConf(t, knot, append([]zone{root, top}, zones...), ns1, ns2)

	for _, z := range zones {
		top.text += z.origin + " NS ns1.nic.example.\n" + z.origin + " NS ns2.nic.example.\n"
		if z.signed {
			ds := makeKey(t, conf, z.origin)
			if z.badDS {
				ds = otherDS(ds)
			}
			if !z.island {
				top.text += ds
			}
		}
		top.text += z.ds
		writeZone(t, knot, z)
	}
	root.text += makeKey(t, conf, top.origin)
	writeZone(t, knot, top)
	anchor := makeKey(t, conf, root.origin)
	writeZone(t, knot, root)

	daemon(t, dir, "knotd", []string{ns1 + ":53", ns2 + ":53"}, "/usr/sbin/knotd", "-c", conf)
	refuses := folder(t, dir, "refuser")
	var stale []zone
	for _, z := range zones {
		if z.older != "" {
			old := zone{origin: z.origin, text: z.older, serial: 2026112200}
			writeZone(t, refuses, old)
			stale = append(stale, old)
		}
	}
	daemon(t, dir, "knotd-refuser", []string{refuser + ":53"}, "/usr/sbin/knotd", "-c", knotConf(t, refuses, stale, refuser))
	startUnbound(t, dir, anchor)
}

func knotConf(t *testing.T, dir string, zones []zone, listen ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `server:
    rundir: %[1]s
    listen: [ %[2]s ]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: notice
database:
    storage: %[1]s
    journal-db-max-size: 64M
    kasp-db-max-size: 64M
policy:
  - id: one-key
    manual: on
    single-type-signing: on
    algorithm: ecdsap256sha256
  - id: nsec3
    manual: on
    single-type-signing: on
    algorithm: ecdsap256sha256
    nsec3: on
    nsec3-iterations: 0
  - id: opt-out
    manual: on
    single-type-signing: on
    algorithm: ecdsap256sha256
    nsec3: on
    nsec3-iterations: 0
    nsec3-opt-out: on
template:
  - id: default
    storage: %[1]s
    zonefile-sync: -1
    journal-content: none
zone:
`, dir, strings.Join(listen, ", "))
	for _, z := range zones {
		fmt.Fprintf(&b, "  - domain: %s\n    file: %s\n", z.origin, zoneFile(z.origin))
		if z.signed {
			fmt.Fprintf(&b, "    dnssec-signing: on\n    dnssec-policy: %s\n", cmp.Or(z.policy, "one-key"))
		}
	}
	return write(t, b.String(), dir, "knot.conf")
}

func zoneFile(origin string) string {
	if origin == "." {
		return "root.zone"
	}
	return origin + "zone"
}

func writeZone(t *testing.T, dir string, z zone) {
	if z.ds != "" {
		write(t, z.text, dir, zoneFile(z.origin))
		return
	}
	write(t, fmt.Sprintf("$ORIGIN %s\n$TTL 3600\n@ SOA ns1.nic.example. hostmaster.nic.example. %d 7200 3600 1209600 900\n"+
		"@ NS ns1.nic.example.\n@ NS ns2.nic.example.\n%s", z.origin, cmp.Or(z.serial, 2026112301), z.text), dir, zoneFile(z.origin))
}

// makeKey makes the signing key of a zone and gives its DS record.
func makeKey(t *testing.T, conf, origin string) string {
	run(t, "/usr/sbin/keymgr", "-c", conf, origin, "generate", "ksk=yes", "zsk=yes", "algorithm=ecdsap256sha256")
	for line := range strings.Lines(run(t, "/usr/sbin/keymgr", "-c", conf, origin, "ds")) {
		if f := strings.Fields(line); len(f) == 6 && f[4] == "2" { // SHA-256
			return line
		}
	}
	t.Fatalf("keymgr gives no SHA-256 DS of %s", origin)
	return ""
}

var digest = regexp.MustCompile(`[0-9a-fA-F]{64}`)

// otherDS keeps key tag and algorithm but has the digest of nothing, as after a
// key roll that the parent was not told about.
func otherDS(ds string) string {
	return digest.ReplaceAllString(ds, strings.Repeat("5e", 32))
}

func startUnbound(t *testing.T, dir, anchor string) {
	home := folder(t, dir, "unbound")
	hints := write(t, ". 3600 NS ns1.nic.example.\n. 3600 NS ns2.nic.example.\nns1.nic.example. 3600 A "+ns1+"\nns2.nic.example. 3600 A "+ns2+"\n", home, "root.hints")
	key := write(t, anchor, home, "anchor")
	conf := write(t, fmt.Sprintf(`server:
    interface: %[2]s
    access-control: 127.0.0.0/8 allow
    do-ip6: no
    do-daemonize: no
    do-not-query-localhost: no
    chroot: ""
    username: ""
    directory: "%[1]s"
    pidfile: ""
    use-syslog: no
    logfile: ""
    verbosity: 1
    val-log-level: 2
    num-threads: 1
    module-config: "validator iterator"
    root-hints: "%[3]s"
    trust-anchor-file: "%[4]s"
    trust-anchor-signaling: no
remote-control:
    control-enable: no
`, home, resolver, hints, key), home, "unbound.conf")
	daemon(t, dir, "unbound", []string{resolver + ":53"}, "/usr/sbin/unbound", "-d", "-p", "-c", conf)
}

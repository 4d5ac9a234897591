package main

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/starttls"
)

// patientTimeout is what --patient gives a domain where --timeout does not say:
// the longest that one port may take, and a little for the rest.
const patientTimeout = 6 * time.Minute

// smtpFlags say how mail ports are looked at, and which besides those of the
// mail hosts.
type smtpFlags struct {
	patient    bool
	control    string
	submission []string
	access     []string
}

func (f *smtpFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.patient, "patient", false, "wait long for slow mail servers and ask busy ones again (takes minutes)")
	fl.StringVar(&f.control, "port25-control", "", "where nothing answers on port 25, see whether this mail `HOST` of others does")
}

func (f *smtpFlags) addHosts(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.submission, "submission-host", nil, "look at `HOST`, where users hand in mail, on ports 465 and 587; HOST:2525 adds that port (repeatable)")
	fl.StringArrayVar(&f.access, "access-host", nil, "look at `HOST`, where users fetch mail, on ports 143, 993, 110 and 995 (repeatable)")
}

// open puts what the flags say into the prober's configuration and the auditor.
func (f *smtpFlags) open(w *world, c *starttls.Config) error {
	c.Patient = f.patient
	if f.control != "" {
		host, err := parseDomain(f.control)
		if err != nil {
			return usage("--port25-control: %w", err)
		}
		c.Control = &starttls.Control{Host: host, Addresses: func(ctx context.Context) []netip.Addr {
			addrs, _ := audit.Addresses(ctx, w.run, host)
			return addrs
		}}
	}
	for _, text := range f.submission {
		ports := []uint16{465, 587}
		name, other := strings.CutSuffix(text, ":2525")
		if other {
			ports = append(ports, 2525)
		}
		if err := named(w, "--submission-host", name, ports); err != nil {
			return err
		}
	}
	for _, text := range f.access {
		if err := named(w, "--access-host", text, []uint16{143, 993, 110, 995}); err != nil {
			return err
		}
	}
	return nil
}

// named adds a host; one that is named for both purposes is looked at once.
func named(w *world, flag, text string, ports []uint16) error {
	host, err := parseDomain(text)
	if err != nil {
		return usage("%s: %w", flag, err)
	}
	for i := range w.auditor.Named {
		if h := &w.auditor.Named[i]; h.Host == host {
			for _, p := range ports {
				if !slices.Contains(h.Ports, p) {
					h.Ports = append(h.Ports, p)
				}
			}
			return nil
		}
	}
	if len(w.auditor.Named) >= maxNamedHosts {
		return usage("%s: more than %d hosts were named", flag, maxNamedHosts)
	}
	w.auditor.Named = append(w.auditor.Named, audit.NamedHost{Host: host, Ports: ports})
	return nil
}

const maxNamedHosts = 10

// hostPort reads HOST or HOST:PORT of a mail port.
func hostPort(text string) (dns.Name, uint16, error) {
	port := uint16(25)
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		known := map[string]uint16{"25": 25, "465": 465, "587": 587, "2525": 2525, "143": 143, "993": 993, "110": 110, "995": 995}
		p, ok := known[text[i+1:]]
		if !ok {
			return "", 0, usage("%q is not HOST:PORT with a mail port: 25, 465, 587, 2525, 143, 993, 110 or 995", text)
		}
		text, port = text[:i], p
	}
	host, err := parseDomain(text)
	if err != nil {
		return "", 0, usage("%w", err)
	}
	return host, port, nil
}

package lint

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/postseal/postseal/dns"
)

// ir is what "dnscontrol print-ir" prints, as far as records go.
type ir struct {
	Domains []irDomain `json:"domains"`
}

type irDomain struct {
	Name        string     `json:"name"`
	Records     []irRecord `json:"records"`
	KeepUnknown bool       `json:"keepunknown"` // NO_PURGE
}

type irRecord struct {
	Type      string   `json:"type"`
	Name      string   `json:"name"`
	Subdomain string   `json:"subdomain"`
	Target    string   `json:"target"`
	TTL       int64    `json:"ttl"`
	Strings   []string `json:"txtstrings"`
	FilePos   string   `json:"filepos"` // "[line:7:5]", of dnsconfig.js
	MXPref    uint16   `json:"mxpreference"`
	SRVPrio   uint16   `json:"srvpriority"`
	SRVWeight uint16   `json:"srvweight"`
	SRVPort   uint16   `json:"srvport"`
	CAATag    string   `json:"caatag"`
	CAAFlag   uint8    `json:"caaflag"`
	TLSAUsage uint8    `json:"tlsausage"`
	TLSASel   uint8    `json:"tlsaselector"`
	TLSAType  uint8    `json:"tlsamatchingtype"`
}

var filePos = regexp.MustCompile(`^\[(?:(.+\.js):|line:)(\d+):(\d+)\]$`)

// dnsControl reads the intermediate form of DNSControl. Places are those of
// dnsconfig.js beside it, which is never run here.
func (r *reader) dnsControl(data []byte, path string) error {
	var doc ir
	if err := json.Unmarshal(data, &doc); err != nil {
		return jsonError(err, data, path)
	}
	for _, d := range doc.Domains {
		text, _, _ := strings.Cut(d.Name, "!") // a tag tells two views of one zone apart
		origin, err := dns.ParseDomain(text)
		if err != nil {
			return errorAt(Location{File: path}, "%q is no domain", d.Name)
		}
		zone := r.set.zone(origin, Location{File: path})
		zone.Complete = zone.Complete || !d.KeepUnknown
		for i := range d.Records {
			d.Records[i].add(zone, path)
		}
	}
	return nil
}

func (rec *irRecord) add(zone *Zone, path string) {
	at := Location{File: path}
	if m := filePos.FindStringSubmatch(rec.FilePos); m != nil {
		at.File = m[1]
		if at.File == "" {
			at.File = "dnsconfig.js"
		}
		if path != "-" && filepath.IsLocal(at.File) {
			at.File = filepath.Join(filepath.Dir(path), at.File)
		}
		at.Line, _ = strconv.Atoi(m[2])
		at.Column, _ = strconv.Atoi(m[3])
	}
	label := rec.Name
	if rec.Subdomain != "" && label != rec.Subdomain && !strings.HasSuffix(label, "."+rec.Subdomain) {
		label = strings.TrimPrefix(strings.TrimSuffix(label, "@")+"."+rec.Subdomain, ".")
	}
	name := below(label, zone.Origin)
	t, known := typeOf(rec.Type)
	if !known {
		if strings.HasSuffix(rec.Type, "ALIAS") || rec.Type == "ALIAS" {
			zone.Left = append(zone.Left, Left{name, dns.TypeA}, Left{name, dns.TypeAAAA})
		}
		return
	}
	out := &Record{Name: name, Type: t, TTL: clamp(rec.TTL), At: at, Format: DNSControl}
	if rec.TTL == 0 {
		out.TTL = 300 // what DNSControl publishes where nothing is said
	}
	host := func() string {
		switch {
		case rec.Target == "@":
			return zone.Origin.FQDN()
		case strings.HasSuffix(rec.Target, "."):
			return rec.Target
		case strings.Contains(rec.Target, "."):
			out.NoDot = rec.Target // DNSControl refuses it
			return rec.Target + "."
		}
		return rec.Target + "." + zone.Origin.FQDN()
	}
	switch t {
	case dns.TypeTXT:
		out.Strings = rec.Strings
		if len(out.Strings) == 0 {
			out.Strings = chunks(rec.Target)
		}
	case dns.TypeMX:
		out.Data = fmt.Sprintf("%d %s", rec.MXPref, host())
	case dns.TypeCNAME, dns.TypeNS, dns.TypePTR:
		out.Data = host()
	case dns.TypeSRV:
		out.Data = fmt.Sprintf("%d %d %d %s", rec.SRVPrio, rec.SRVWeight, rec.SRVPort, host())
	case dns.TypeCAA:
		out.Data = fmt.Sprintf("%d %s %q", rec.CAAFlag, rec.CAATag, rec.Target)
	case dns.TypeTLSA:
		out.Data = fmt.Sprintf("%d %d %d %s", rec.TLSAUsage, rec.TLSASel, rec.TLSAType, rec.Target)
	case dns.TypeA, dns.TypeAAAA:
		out.Data = rec.Target
	default:
		zone.Left = append(zone.Left, Left{name, t}) // no mail, no opinion
		return
	}
	zone.add(out)
}

// jsonError gives a mistake in JSON its place.
func jsonError(err error, data []byte, path string) error {
	var offset int64
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = e.Offset
	} else if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = e.Offset
	}
	if offset == 0 {
		return errorAt(Location{File: path}, "%v", err)
	}
	return errorAt(place(data, int(offset), path), "%v", err)
}

// place is where an octet stands.
func place(data []byte, offset int, path string) Location {
	at := Location{path, 1, 1}
	for _, c := range data[:max(0, min(offset, len(data)))] {
		at.Column++
		if c == '\n' {
			at.Line, at.Column = at.Line+1, 1
		}
	}
	return at
}

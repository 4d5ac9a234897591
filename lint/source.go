package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postseal/postseal/dns"
)

// Bounds of what one run reads.
const (
	maxFile    = 32 << 20 // octets of one file
	maxAll     = 256 << 20
	maxFiles   = 20_000
	maxRecords = 1_000_000
)

// Options say how files are read.
type Options struct {
	As         Format // "" to tell it from the file
	Semicolons string // of octoDNS: "auto", "escaped" or "plain"
	Stdin      io.Reader
}

// reader carries one run of Read.
type reader struct {
	Options
	set  *Set
	size int64
	hcl  []hclFile // evaluated by folder, once all are known
}

// Read reads files and folders. A path may have an origin in front,
// ORIGIN=FILE, for a zone file that does not say it; "-" is standard input. In
// a folder, files that hold no zones are passed over; a file that is named must
// hold some. Errors are *Error where a place is known.
func Read(paths []string, o Options) (*Set, error) {
	r := &reader{Options: o, set: &Set{}}
	for _, spec := range paths {
		origin, path := splitOrigin(spec)
		var err error
		switch info, serr := os.Stat(path); {
		case path == "-":
			if o.Stdin == nil {
				return nil, errors.New("lint: there is no standard input")
			}
			err = r.stream(origin)
		case serr != nil:
			return nil, plainPath(serr)
		case info.IsDir():
			err = r.folder(path, origin)
		default:
			err = r.file(path, origin, true)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := r.finishHCL(); err != nil {
		return nil, err
	}
	if len(r.set.Zones) == 0 && len(r.set.Unread) == 0 {
		return nil, fmt.Errorf("no DNS records in %s", strings.Join(paths, ", "))
	}
	return r.set, nil
}

func plainPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", e.Path, e.Err)
	}
	return err
}

// splitOrigin cuts ORIGIN=FILE; a path may hold a "=" of its own.
func splitOrigin(spec string) (dns.Name, string) {
	if before, after, ok := strings.Cut(spec, "="); ok {
		if n, err := dns.ParseDomain(before); err == nil {
			return n, after
		}
	}
	return "", spec
}

func (r *reader) stream(origin dns.Name) error {
	data, err := r.read(r.Stdin, "standard input")
	if err != nil {
		return err
	}
	return r.data(data, "-", origin, true)
}

func (r *reader) file(path string, origin dns.Name, named bool) error {
	f, err := os.Open(path)
	if err != nil {
		return plainPath(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() && !named {
		return nil
	}
	data, err := r.read(f, path)
	if err != nil {
		return err
	}
	return r.data(data, path, origin, named)
}

func (r *reader) read(in io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r.size += int64(len(data))
	if len(data) > maxFile || r.size > maxAll {
		return nil, fmt.Errorf("%s: the files are too large (%d MiB each, %d MiB in all)", name, maxFile>>20, maxAll>>20)
	}
	return data, nil
}

// folder reads every file below a folder that looks like one of the formats.
// Hidden files and Terraform's own working folder are passed over, and links
// are not followed.
func (r *reader) folder(dir string, origin dns.Name) error {
	n := 0
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return plainPath(err)
		}
		hidden := path != dir && strings.HasPrefix(d.Name(), ".")
		switch {
		case d.IsDir() && hidden:
			return fs.SkipDir
		case d.IsDir() || hidden || !d.Type().IsRegular():
			return nil
		}
		if n++; n > maxFiles {
			return fmt.Errorf("%s has more than %d files", dir, maxFiles)
		}
		if byName(path) == "" && filepath.Ext(path) != ".json" {
			return nil
		}
		return r.file(path, origin, false)
	})
}

// byName tells a format from a file's name, "" where it says nothing.
func byName(path string) Format {
	base := strings.ToLower(filepath.Base(path))
	switch filepath.Ext(base) {
	case ".yaml", ".yml":
		return OctoDNS
	case ".tf":
		return HCL
	case ".zone", ".db", ".bind":
		return ZoneFile
	}
	if strings.HasPrefix(base, "db.") {
		return ZoneFile
	}
	return ""
}

// byContent tells a format from the first lines.
func byContent(data []byte) Format {
	text := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		return jsonFormat(text)
	}
	head := string(text[:min(len(text), 4096)])
	for line := range strings.Lines(head) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';' || strings.HasPrefix(line, "//"):
			continue
		case line == "---":
			return OctoDNS
		case strings.HasPrefix(line, "resource ") || strings.HasPrefix(line, "locals ") || strings.HasPrefix(line, "terraform ") ||
			strings.HasPrefix(line, "provider ") || strings.HasPrefix(line, "variable ") || strings.HasPrefix(line, "data "):
			return HCL
		case strings.HasSuffix(line, ":") && !strings.ContainsAny(line, " \t"), strings.HasPrefix(line, "? "):
			return OctoDNS
		}
		break
	}
	return ZoneFile
}

// jsonFormat tells whose JSON it is by its first keys.
func jsonFormat(data []byte) Format {
	var keys map[string]json.RawMessage
	if json.Unmarshal(data, &keys) != nil {
		return ""
	}
	has := func(key string) bool { _, ok := keys[key]; return ok }
	switch {
	case has("domains") && (has("registrars") || has("dns_providers")):
		return DNSControl
	case has("planned_values") || has("format_version") || has("values"):
		return TerraformJSON
	case has("ResourceRecordSets") || has("Changes") || has("ChangeBatch"):
		return Route53
	}
	return ""
}

func (r *reader) data(data []byte, path string, origin dns.Name, named bool) error {
	at := Location{File: path}
	format := r.As
	if format == "" || !named && format != byName(path) {
		format = byName(path)
	}
	if format == "" {
		format = byContent(data)
	}
	before := len(r.set.Unread)
	count := r.records()
	var err error
	switch format {
	case ZoneFile:
		err = r.zoneFile(data, path, origin)
	case OctoDNS:
		err = r.octoDNS(data, path, origin, named)
	case DNSControl:
		err = r.dnsControl(data, path)
	case TerraformJSON:
		err = r.terraformJSON(data, path, origin)
	case HCL:
		return r.addHCL(data, path, origin)
	case Route53:
		err = r.route53(data, path, origin)
	default:
		if named {
			return errorAt(at, "this JSON is none of 'dnscontrol print-ir', 'terraform show -json' and Route 53's record sets")
		}
		return nil
	}
	if err != nil {
		return err
	}
	if r.records() > maxRecords {
		return errorAt(at, "more than %d records", maxRecords)
	}
	if (r.records() > count || len(r.set.Unread) > before) && !slices.Contains(r.set.Files, path) {
		r.set.Files = append(r.set.Files, path)
	}
	return nil
}

func (r *reader) records() int {
	n := 0
	for _, z := range r.set.Zones {
		n += len(z.Records)
	}
	return n
}

// add puts a record into its zone.
func (z *Zone) add(rec *Record) { z.Records = append(z.Records, rec) }

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/report"
)

// typed is a domain as somebody wrote it, and where.
type typed struct {
	text string
	file string // "" on the command line
	line int
}

func (d *typed) where() string {
	if d.file == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", d.file, d.line)
}

// domain is one to audit, and the place in a file that names it; nil where the
// command line or standard input does.
type domain struct {
	name dns.Name
	at   *report.Location
}

// domainsFrom reads the domains of a call, each once: arguments first, then the
// list in file ("-" is standard input, also as an argument).
func domainsFrom(in io.Reader, args []string, file string) ([]domain, error) {
	var all []typed
	for _, a := range args {
		if a != "-" {
			all = append(all, typed{text: a})
			continue
		}
		if file != "" {
			return nil, usage("give either -f or -, and once")
		}
		file = "-"
	}
	if file != "" {
		list, err := readList(in, file)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	if len(all) == 0 {
		return nil, usage("no domain given; see 'postseal audit --help'")
	}
	var domains []domain
	seen := map[dns.Name]bool{}
	for _, d := range all {
		name, err := parseDomain(d.text)
		if err != nil {
			return nil, usage("%s%w", d.where(), err)
		}
		if !seen[name] {
			seen[name] = true
			one := domain{name: name}
			if d.file != "" && file != "-" {
				one.at = &report.Location{File: d.file, Line: d.line, Column: 1}
			}
			domains = append(domains, one)
		}
	}
	return domains, nil
}

// readList reads one domain a line; # begins a comment.
func readList(in io.Reader, file string) ([]typed, error) {
	name := "standard input"
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, usage("-f: %w", err)
		}
		defer f.Close()
		in, name = f, file
	}
	var list []typed
	n := 0
	sc := bufio.NewScanner(in)
	for sc.Scan() {
		n++
		text, _, _ := strings.Cut(sc.Text(), "#")
		// Editors on Windows begin a file with a byte order mark.
		if text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff")); text != "" {
			list = append(list, typed{text, name, n})
		}
	}
	switch err := sc.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, usage("%s:%d: the line is too long to be a domain", name, n+1)
	case err != nil:
		return nil, usage("-f: %w", err)
	case len(list) == 0:
		return nil, usage("%s holds no domain", name)
	}
	return list, nil
}

// parseDomain reads one domain and names the one that was meant when it stands
// inside of something else that people paste.
func parseDomain(text string) (dns.Name, error) {
	if len(text) > 1024 {
		return "", fmt.Errorf("%q… is not a domain name: it has %d octets", text[:60], len(text))
	}
	name, err := dns.ParseDomain(text)
	if err == nil {
		return name, nil
	}
	if inner, ok := domainIn(text); ok {
		return "", fmt.Errorf("%q is not a domain name; did you mean %s?", text, inner)
	}
	return "", plain(err)
}

// domainIn finds the domain in a URL, an e-mail address or HOST:PORT.
func domainIn(text string) (dns.Name, bool) {
	text = strings.TrimSpace(text)
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		text = strings.TrimSuffix(text[i+1:], ">")
	} else {
		if !strings.Contains(text, "://") {
			text = "//" + text
		}
		u, err := url.Parse(text)
		if err != nil {
			return "", false
		}
		text = u.Hostname()
	}
	name, err := dns.ParseDomain(text)
	return name, err == nil
}

// plain drops the name of the package that an error begins with: users call
// commands, not packages.
func plain(err error) error {
	for _, room := range []string{"dns: ", "report: "} {
		if text, ok := strings.CutPrefix(err.Error(), room); ok {
			return &plainError{text, err}
		}
	}
	return err
}

// plainError says less than the error it stands for, and stays that error.
type plainError struct {
	text string
	err  error
}

func (e *plainError) Error() string { return e.text }
func (e *plainError) Unwrap() error { return e.err }

// parseProfile reads --profile; without it the profile is to be told.
func parseProfile(word string) (check.Profile, error) {
	if word == "" {
		return check.ProfileUnknown, nil
	}
	p, err := check.ParseProfile(word)
	if err != nil {
		return p, usage("--profile %q is none of mail, send-only, receive-only, parked", word)
	}
	return p, nil
}

// checkSelectors refuses what cannot be a DKIM selector.
func checkSelectors(selectors []string) error {
	for _, sel := range selectors {
		if _, err := dns.ParseDomain(sel); err != nil {
			return usage("--selector %q cannot be a DKIM selector", sel)
		}
	}
	return nil
}

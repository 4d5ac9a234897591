package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/bimi"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// newBIMICmd groups the commands that look at BIMI alone, in depth.
func newBIMICmd(s *streams) *cobra.Command {
	return group("bimi", "Look at BIMI in depth: the logo and the mark certificate", newBIMICheckCmd(s))
}

func newBIMICheckCmd(s *streams) *cobra.Command {
	var (
		look              lookFlags
		domain, ca, where string
	)
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check a logo (SVG, SVGZ) or a mark certificate (PEM) before it is served",
		Long: "Holds a logo to the profile SVG Tiny PS and to what receivers ask for, and a mark certificate to what they\n" +
			"look at, the logo in it included. A logo and a certificate given together are compared. Nothing is drawn,\n" +
			"fetched or rewritten; '-' reads standard input. Whom a certificate is for is judged with --domain, by whom it\n" +
			"was issued with --bimi-ca: mark certificates have roots of their own, and none are built in.\n\n" +
			"Exit codes: 0 receivers can use the files; 1 a finding at or above warning; 2 usage, or a file that cannot be\n" +
			"read. What was not judged is shown as such and changes no code.",
		Example: "  postseal bimi check logo.svg\n" +
			"  postseal bimi check --domain example.com --format json logo.svg",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 {
				return usage("give a logo, a certificate, or one of each; see '%s --help'", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := look.words()
			if err != nil {
				return err
			}
			files := bimi.Files{Selector: where}
			if domain != "" {
				if files.Domain, err = parseDomain(domain); err != nil {
					return usage("--domain: %w", err)
				}
			}
			switch {
			case where != "" && domain == "":
				return usage("--selector is of a domain; give --domain")
			case where != "" && !bimi.ValidSelector(where):
				return usage("--selector: %s", l.Text("bimi-selector-invalid.message", check.Params{"Selector": where}))
			}
			o := bimi.GatherOptions{Now: time.Now()}
			if o.MarkRoots, err = loadMarkRoots(ca); err != nil {
				return err
			}
			if err := openBIMI(s, &files, args); err != nil {
				return err
			}
			v := newBIMIView(bimi.Inspect(files, o), l)
			if look.json() {
				err = report.EncodeJSON(s.out, v)
			} else {
				err = v.write(s.out, s.columns(), l)
			}
			if err != nil {
				return &exit{exitUsage, err}
			}
			return v.ends(l)
		},
	}
	look.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&domain, "domain", "", "the `DOMAIN` that the certificate must be for")
	fl.StringVar(&where, "selector", "", "the `NAME` of the selector, where the certificate is for one")
	fl.StringVar(&ca, "bimi-ca", "", "trust the roots in this PEM `FILE` for mark certificates")
	return cmd
}

// openBIMI reads the files and sorts them by what they hold.
func openBIMI(s *streams, files *bimi.Files, paths []string) error {
	for _, path := range paths {
		var data []byte
		var err error
		name := path
		if path == "-" {
			name = "<stdin>"
			data, err = io.ReadAll(io.LimitReader(s.in, maxPEM+1))
		} else {
			data, err = readSmall(path)
		}
		switch {
		case err != nil:
			return usage("%w", err)
		case len(bytes.TrimSpace(data)) == 0:
			return usage("%s is empty", name)
		}
		at, limit, what := &files.Logo, bimi.MaxLogo, "logos"
		if bimi.IsEvidence(data) {
			at, limit, what = &files.Evidence, bimi.MaxEvidence, "certificates"
		}
		if *at != nil {
			return usage("%s and %s are both %s; give one of each", (*at).URL, name, what)
		}
		*at = bimi.FromFile(name, data, limit)
	}
	return nil
}

// bimiView is what 'bimi check' tells; its JSON is a contract.
type bimiView struct {
	SchemaVersion int             `json:"schema_version"`
	Domain        dns.Name        `json:"domain"` // "" where none was given
	Logo          *bimi.Logo      `json:"logo"`   // nil where no logo was given
	Evidence      *bimi.Evidence  `json:"evidence"`
	Findings      []report.Result `json:"findings"` // rules that found something, or could not tell
	Worst         string          `json:"worst"`    // the highest severity found, "" for none
}

func newBIMIView(f *bimi.Facts, l *locale.Localizer) *bimiView {
	v := &bimiView{SchemaVersion: 1, Domain: f.Domain, Logo: f.Logo, Evidence: f.Evidence}
	results := check.Evaluate(bimi.FileRules(false, f.Domain != ""), f)
	check.Relate(results)
	results = slices.DeleteFunc(results, func(r check.Result) bool { return len(r.Findings) == 0 && r.Status != check.Unknown })
	v.Findings = report.Results(results, l)
	worst := check.Severity(-1)
	for i := range results {
		for j, found := range results[i].Findings {
			worst = max(worst, v.Findings[i].Findings[j].Severity)
			line, ok := found.Params["Line"].(int)
			if column, _ := found.Params["Column"].(int); ok && found.Subject == f.LogoURL {
				v.Findings[i].Findings[j].Location = &report.Location{File: f.LogoURL, Line: line, Column: column}
			}
		}
	}
	if worst >= 0 {
		v.Worst = worst.String()
	}
	return v
}

// ends is why the exit code is not 0.
func (v *bimiView) ends(l *locale.Localizer) error {
	if v.Worst != check.Warning.String() && v.Worst != check.Error.String() {
		return nil
	}
	return &exit{exitFindings, errors.New(l.Text("bimi-check.exit", check.Params{"Worst": l.Text("report.severity."+v.Worst, nil)}))}
}

// write prints for people. Every word of the files is a stranger's.
func (v *bimiView) write(w io.Writer, width int, l *locale.Localizer) error {
	var b strings.Builder
	line := func(indent, text string) {
		b.WriteString(indent + report.Wrap(width, strings.Repeat(" ", utf8.RuneCountInString(indent)), report.Escape(text)) + "\n")
	}
	if v.Logo != nil {
		line("", l.Text("bimi-check.logo", check.Params{"File": v.Logo.Fetch.URL}))
		if svg := v.Logo.SVG; svg != nil {
			line("   ", l.Text("bimi-check.size", check.Params{"Wire": v.Logo.Fetch.Size, "Size": svg.Size, "SHA256": svg.SHA256[:16]}))
			if svg.Title != "" {
				line("   ", l.Text("bimi-check.title", check.Params{"Title": cut(svg.Title, 80), "Width": cut(svg.Width, 20), "Height": cut(svg.Height, 20)}))
			}
		}
	}
	if e := v.Evidence; e != nil {
		line("", l.Text("bimi-check.certificate", check.Params{"File": e.Fetch.URL}))
		if e.Fault == "" && e.Certificates > 0 {
			line("   ", l.Text("bimi-check.issued", check.Params{"Subject": cut(e.Subject, 80), "Issuer": cut(e.Issuer, 80), "Until": e.NotAfter.Format(time.DateOnly)}))
			names := e.Names[:min(len(e.Names), shownTexts)]
			line("   ", l.Text("bimi-check.names", check.Params{"Names": strings.Join(names, ", ")}))
		}
	}
	b.WriteString("\n")
	told := 0
	for _, r := range v.Findings {
		for _, f := range r.Findings {
			told++
			place := ""
			if at := f.Location; at != nil && at.Line > 0 {
				place = fmt.Sprintf("%s:%d:%d: ", at.File, at.Line, at.Column)
			}
			line("   ", fmt.Sprintf("%s%s %s: %s", place, l.Text("report.severity."+f.Severity.String(), nil), r.ID, f.Message))
		}
	}
	if told == 0 {
		line("   ", l.Text("bimi-check.nothing", nil))
	}
	for _, r := range v.Findings {
		if r.Status == check.Unknown {
			line("   ", l.Text("bimi-check.unknown", check.Params{"Rule": r.ID, "Cause": r.Cause}))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

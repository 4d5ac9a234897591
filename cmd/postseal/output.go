package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/atomicfile"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// outputFlags say what is printed and written.
type outputFlags struct {
	format  string
	files   []string
	lang    string
	verbose bool
	quiet   bool

	assets string

	suppressed bool   // sarif: accepted findings too
	category   string // sarif: what tells runs apart
}

func (o *outputFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&o.format, "format", "text", "what standard output gets, a `FORMAT`: "+strings.Join(formatNames(), ", "))
	fl.StringArrayVarP(&o.files, "output", "o", nil, "also write `FORMAT=PATH`; html=FOLDER/ gets an index and a page a domain (repeatable)")
	fl.StringVar(&o.assets, "html-assets", "", "html: write style and script into `DIR` and link to them, for servers that allow none in the page")
	fl.BoolVarP(&o.verbose, "verbose", "v", false, "text: show every finding, not only the most important")
	fl.BoolVarP(&o.quiet, "quiet", "q", false, "text: only a line with score and grade of each domain")
	fl.BoolVar(&o.suppressed, "sarif-suppressed", false, "sarif: put accepted findings in, marked as suppressed")
	fl.StringVar(&o.category, "sarif-category", "", "sarif: `NAME` that tells runs of several configurations apart")
	addLang(cmd, &o.lang)
	complete(cmd, "format", formatNames()...)
	var starts []string
	for _, name := range formatNames() {
		starts = append(starts, name+"=")
	}
	completeAs(cmd, "output", cobra.ShellCompDirectiveNoSpace, starts...)
}

// addLang adds --lang, which means the same in every command that speaks.
func addLang(cmd *cobra.Command, lang *string) {
	cmd.Flags().StringVar(lang, "lang", "", "speak `LANGUAGE`: en or pt-BR (default: of the environment)")
	complete(cmd, "lang", "en", "pt-BR")
}

// complete tells the shell the words that a flag takes.
func complete(cmd *cobra.Command, flag string, words ...string) {
	completeAs(cmd, flag, cobra.ShellCompDirectiveNoFileComp, words...)
}

func completeAs(cmd *cobra.Command, flag string, how cobra.ShellCompDirective, words ...string) {
	// The only error is that of a flag that does not exist.
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, how)); err != nil {
		panic(err)
	}
}

// localizer gives the words of --lang, or of the environment.
func localizer(lang string) (*locale.Localizer, error) {
	if lang == "" {
		return locale.New(locale.FromEnv())
	}
	l, err := locale.New(locale.Lang(lang))
	if err != nil {
		return nil, usage("--lang %q is neither en nor pt-BR", lang)
	}
	return l, nil
}

// format prints a document in one of the formats.
type format struct {
	name  string
	write func(w io.Writer, d *report.Document, o *outputs) error
}

var formats = []format{
	{"text", func(w io.Writer, d *report.Document, o *outputs) error {
		return o.printText(w, d)
	}},
	{"json", func(w io.Writer, d *report.Document, _ *outputs) error { return report.WriteJSON(w, d) }},
	{"html", func(w io.Writer, d *report.Document, o *outputs) error {
		opts, err := o.html(o.folder)
		if err != nil {
			return err
		}
		return report.WriteHTML(w, d, opts)
	}},
	{"ndjson", func(w io.Writer, d *report.Document, _ *outputs) error { return report.WriteNDJSON(w, d) }},
	{"csv", func(w io.Writer, d *report.Document, _ *outputs) error { return report.WriteCSV(w, d) }},
	{"markdown", func(w io.Writer, d *report.Document, o *outputs) error {
		return report.WriteMarkdown(w, d, string(o.lang))
	}},
	{"junit", func(w io.Writer, d *report.Document, _ *outputs) error { return report.WriteJUnit(w, d) }},
	{"sarif", func(w io.Writer, d *report.Document, o *outputs) error {
		return report.WriteSARIF(w, d, report.SARIFOptions{
			Lang: string(o.lang), Rules: audit.Metas(), Grave: audit.Grave, Suppressed: o.suppressed, Category: o.category,
		})
	}},
	{"github", func(w io.Writer, d *report.Document, o *outputs) error {
		return report.WriteGitHub(w, d, string(o.lang))
	}},
	{"gitlab", func(w io.Writer, d *report.Document, _ *outputs) error { return report.WriteGitLab(w, d) }},
	{"prometheus", func(w io.Writer, d *report.Document, _ *outputs) error { return report.WritePrometheus(w, d) }},
	{"nagios", func(w io.Writer, d *report.Document, o *outputs) error {
		return report.WriteNagios(w, d, string(o.lang))
	}},
}

func formatNames() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

func formatNamed(name string) (*format, error) {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	if i < 0 {
		return nil, usage("unknown format %q (one of %s)", name, strings.Join(formatNames(), ", "))
	}
	return &formats[i], nil
}

// outputs is where a document goes.
type outputs struct {
	stdout *format
	files  []outputFile
	out    io.Writer
	lang   locale.Lang
	words  *locale.Localizer
	text   report.TextOptions
	ascii  bool

	suppressed bool
	category   string
	index      string // name of the first page of a folder, "" for the usual one
	assets     string // folder for the style and script of pages, "" for in the page
	printing   bool   // standard output is written, no file
	folder     string // where the page that is being written lies

	at *time.Time // when the run is said to have been, for results that can be made again; nil for when it was
}

type outputFile struct {
	format *format
	path   string
	folder bool // html: an index and a page a domain
}

// open checks everything that could keep a result from being written, before
// anything is asked.
func (o *outputFlags) open(s *streams, domains int) (*outputs, *locale.Localizer, error) {
	l, err := localizer(o.lang)
	if err != nil {
		return nil, nil, err
	}
	out := &outputs{out: s.out, lang: l.Lang, words: l, suppressed: o.suppressed, category: o.category, assets: o.assets}
	if out.at, err = sourceDate(); err != nil {
		return nil, nil, err
	}
	if out.stdout, err = formatNamed(o.format); err != nil {
		return nil, nil, err
	}
	if out.stdout.name == "html" && domains > 1 {
		return nil, nil, usage("--format html prints one domain; use -o html=FOLDER/ for %d", domains)
	}
	if out.files, err = o.openFiles(domains); err != nil {
		return nil, nil, err
	}
	if err := o.checkAssets(out); err != nil {
		return nil, nil, err
	}
	if o.quiet && o.verbose {
		return nil, nil, usage("--quiet and --verbose cannot be used together")
	}
	if out.text, err = s.text(string(l.Lang)); err != nil {
		return nil, nil, err
	}
	out.text.Verbose, out.text.Quiet, out.ascii = o.verbose, o.quiet, s.ascii
	return out, l, nil
}

// openFiles reads -o and refuses what could not be written in the end.
func (o *outputFlags) openFiles(domains int) ([]outputFile, error) {
	var files []outputFile
	seen := map[string]string{}
	for _, spec := range o.files {
		name, path, ok := strings.Cut(spec, "=")
		if !ok || path == "" {
			return nil, usage("-o %q is not FORMAT=PATH", spec)
		}
		f, err := formatNamed(name)
		if err != nil {
			return nil, err
		}
		file := outputFile{format: f, path: path, folder: f.name == "html" && isFolder(path)}
		if file.folder {
			err = folderCheck(path)
		} else {
			err = atomicfile.Check(path)
		}
		switch {
		case err != nil:
			return nil, usage("-o %s: %w", spec, err)
		case !file.folder && f.name == "html" && domains > 1:
			return nil, usage("-o %s: several domains need a folder; write -o %s/", spec, spec)
		case seen[place(path)] != "":
			return nil, usage("-o %s and -o %s would write the same file", seen[place(path)], spec)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() || info.IsDir() {
			seen[place(path)] = spec
		}
		files = append(files, file)
	}
	return files, nil
}

// beside refuses a tape that would be the same file as a result.
func (o *outputs) beside(tape string) error {
	if tape != "" && slices.ContainsFunc(o.files, func(f outputFile) bool { return place(f.path) == place(tape) }) {
		return usage("--record %s and -o would write the same file", tape)
	}
	return nil
}

// place is one spelling of a path, to tell that two are the same.
func place(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real
	}
	return abs
}

// folderCheck tells early that a folder cannot be made or written to.
func folderCheck(path string) error {
	path = filepath.Clean(path)
	for {
		info, err := os.Stat(path)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("%s is not a folder", path)
		case err == nil:
			return atomicfile.Check(filepath.Join(path, ".postseal"))
		case !errors.Is(err, fs.ErrNotExist) || filepath.Dir(path) == path:
			return err
		}
		path = filepath.Dir(path)
	}
}

func isFolder(path string) bool {
	if strings.HasSuffix(path, "/") || strings.HasSuffix(path, string(os.PathSeparator)) {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// table tells that all that is wanted is a line a domain.
func (o *outputs) table() bool {
	for _, f := range o.files {
		if f.format.name != "text" {
			return false
		}
	}
	return o.stdout.name == "text"
}

// printText writes text. A file is not the terminal: it has no colour, no links
// and the usual width.
func (o *outputs) printText(w io.Writer, d *report.Document) error {
	opts := o.text
	if !o.printing {
		opts.Color, opts.Links, opts.Width = false, false, textWidth
		if o.ascii {
			w = report.ASCIIWriter{W: w}
		}
	}
	return report.WriteText(w, d, opts)
}

// exit gives the error that ends the command. A monitoring system reads the state
// from the exit code of its plug-in, by numbers of its own.
func (o *outputs) exit(d *report.Document) error {
	if o.stdout.name == "nagios" {
		state := report.NagiosOf(d)
		reasons := d.Exit.Reasons
		if len(reasons) == 0 {
			reasons = []string{o.words.Text("exit.state", check.Params{"State": state.String()})}
		}
		return exitWith(report.Exit{Code: int(state), Reasons: reasons}, o.words)
	}
	return exitWith(d.Exit, o.words)
}

// write writes the files, each whole or not at all, and then standard output.
func (o *outputs) write(d *report.Document) error {
	if o.at != nil {
		report.Reproducible(d, *o.at)
	}
	var errs []error
	for _, f := range o.files {
		var err error
		if f.folder {
			var opts report.HTMLOptions
			if opts, err = o.html(f.path); err == nil {
				_, err = report.WriteHTMLDir(f.path, d, opts)
			}
		} else {
			o.folder = filepath.Dir(f.path)
			err = atomicfile.Write(f.path, 0o644, func(w *os.File) error { return f.format.write(w, d, o) })
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("-o %s=%s: %w", f.format.name, f.path, plain(err)))
		}
	}
	o.folder = ""
	o.printing = true
	if err := o.stdout.write(o.out, d, o); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return &exit{exitUsage, errors.Join(errs...)}
	}
	return nil
}

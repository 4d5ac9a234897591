package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/internal/atomicfile"
	"github.com/postseal/postseal/internal/config"
	"github.com/postseal/postseal/report"
)

func newConfigCmd(s *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Write, check and show the configuration file",
		Long: "The configuration, " + config.FileName + ", names the domains that 'postseal audit' looks at, what they are held to,\n" +
			"which findings are accepted and until when, and values of flags. It is looked for in this folder and above;\n" +
			"--config or POSTSEAL_CONFIG names another. A flag wins over the environment (POSTSEAL_FAIL_ON for --fail-on,\n" +
			"lists with commas), the environment over the file. Paths in the file are read from the file's folder.",
		Example: "  postseal config show --origin\n  postseal config show --format json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q; 'postseal config --help' lists the commands", args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newConfigInitCmd(s), newConfigVerifyCmd(s), newConfigSchemaCmd(s), newConfigShowCmd(s))
	return cmd
}

func newConfigInitCmd(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:     "init [DOMAIN...]",
		Short:   "Write a configuration to begin with",
		Long:    "Init writes " + config.FileName + " into this folder. A file that is there already is left alone.",
		Example: "  postseal config init example.com example.org",
		RunE: func(_ *cobra.Command, args []string) error {
			names := make([]string, len(args))
			for i, a := range args {
				n, err := parseDomain(a)
				if err != nil {
					return usage("%w", err)
				}
				names[i] = n.String()
			}
			if _, err := os.Lstat(config.FileName); err == nil {
				return usage("%s exists already, and was left as it is", config.FileName)
			} else if !errors.Is(err, fs.ErrNotExist) {
				return usage("%w", err)
			}
			err := atomicfile.Write(config.FileName, 0o644, func(f *os.File) error {
				_, err := f.WriteString(config.Template(names))
				return err
			})
			if err != nil {
				return usage("%w", err)
			}
			_, err = fmt.Fprintf(s.err, "postseal: wrote %s\n", config.FileName)
			return err
		},
	}
}

func newConfigVerifyCmd(s *streams) *cobra.Command {
	var c configFlags
	cmd := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Check the configuration",
		Long: "Verify reads the configuration and names every mistake in it with its line. It warns of entries of\n" +
			"ignore whose last day is over.\n\nExit codes: 0 the file is right; 2 it is not, or there is none.",
		Example: "  postseal config verify ci/postseal.yaml",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("give one FILE; see 'postseal config verify --help'")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				c.path = args[0]
			}
			path, err := c.find()
			if err != nil {
				return err
			}
			if path == "" {
				return usage("there is no %s in this folder or above", config.FileName)
			}
			file, err := loadConfig(path)
			if all, ok := errors.AsType[interface {
				error
				Unwrap() []error
			}](err); ok && len(all.Unwrap()) > 1 {
				for _, e := range all.Unwrap() {
					fmt.Fprintf(s.err, "postseal: %s\n", oneLine(e))
				}
				return usage("%s has %d mistakes", path, len(all.Unwrap()))
			}
			if err != nil {
				return err
			}
			for i := range file.Ignores {
				if e := &file.Ignores[i]; e.Expired(time.Now()) {
					fmt.Fprintf(s.err, "postseal: %s:%d: the ignore of %s was until %s\n", path, e.Line, e.Rule, e.Day())
				}
			}
			_, err = fmt.Fprintf(s.out, "%s: %s, %s, %s\n", path, plural(len(file.Domains), "domain"), plural(len(file.Ignores), "ignore"), plural(len(file.Settings), "setting"))
			return err
		},
	}
	return cmd
}

func newConfigSchemaCmd(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of the configuration",
		Long:    "Schema prints the JSON Schema of " + config.FileName + ", with which editors complete and check it.",
		Example: "  postseal config schema > postseal-config.schema.json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := s.out.Write(config.Schema())
			return err
		},
	}
}

// shownConfig is what config show prints as JSON.
type shownConfig struct {
	File     string         `json:"file"` // "" without one
	Settings []shownSetting `json:"settings"`
	Domains  []shownDomain  `json:"domains"`
	Ignores  []shownIgnore  `json:"ignore"`
}

type shownSetting struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
	Origin string   `json:"origin"` // flag, POSTSEAL_…, FILE:LINE or default
}

type shownDomain struct {
	Domain string `json:"domain"`
	Line   int    `json:"line"`
}

type shownIgnore struct {
	Rule    string `json:"rule"`
	Domain  string `json:"domain"`
	Subject string `json:"subject"`
	Reason  string `json:"reason"`
	Until   string `json:"until"`
	Expired bool   `json:"expired"`
	Line    int    `json:"line"`
}

func newConfigShowCmd(s *streams) *cobra.Command {
	var c configFlags
	var origin bool
	var form string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show what is in force",
		Long: "Show prints what 'postseal audit' would use in this folder: each setting, and with --origin whether\n" +
			"it comes from the environment, a line of the file, or is the default.",
		Example: "  postseal config show --origin\n  postseal config show --format json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			if form != "text" && form != "json" {
				return usage("unknown format %q (text or json)", form)
			}
			// The flags of audit, as they would be read, without a call that sets any.
			of := newAuditCmd(s)
			if err := c.load(of); err != nil {
				return err
			}
			shown := c.show(of, time.Now())
			if form == "json" {
				return report.EncodeJSON(s.out, shown)
			}
			return shown.print(s, origin)
		},
	}
	c.add(cmd)
	cmd.Flags().BoolVar(&origin, "origin", false, "say where each value comes from")
	cmd.Flags().StringVar(&form, "format", "text", "what standard output gets, a `FORMAT`: text or json")
	complete(cmd, "format", "text", "json")
	return cmd
}

func (c *configFlags) show(of *cobra.Command, now time.Time) *shownConfig {
	out := &shownConfig{Settings: []shownSetting{}, Domains: []shownDomain{}, Ignores: []shownIgnore{}}
	if c.file != nil {
		out.File = c.file.Path
		for _, d := range c.file.Domains {
			out.Domains = append(out.Domains, shownDomain{d.Name.String(), d.Line})
		}
		for i := range c.file.Ignores {
			e := &c.file.Ignores[i]
			out.Ignores = append(out.Ignores, shownIgnore{e.Rule, e.Domain, e.Subject, e.Reason, e.Day(), e.Expired(now), e.Line})
		}
	}
	for _, f := range config.Flags {
		fl := of.Flags().Lookup(f.Name)
		if fl == nil {
			continue
		}
		values := []string{fl.Value.String()}
		if f.Kind == config.List {
			if list, err := of.Flags().GetStringArray(f.Name); err == nil {
				values = list
			}
		}
		out.Settings = append(out.Settings, shownSetting{f.Name, append([]string{}, values...), c.origins[f.Name]})
	}
	return out
}

func (c *shownConfig) print(s *streams, origin bool) error {
	var b strings.Builder
	if c.File == "" {
		fmt.Fprintf(&b, "# no %s in this folder or above\n", config.FileName)
	} else {
		fmt.Fprintf(&b, "# %s\n", report.Escape(c.File))
	}
	for _, v := range c.Settings {
		text := report.Escape(v.Name + ": " + strings.Join(v.Values, ", "))
		if origin {
			text = fmt.Sprintf("%-40s # %s", text, report.Escape(v.Origin))
		}
		fmt.Fprintln(&b, strings.TrimSpace(text))
	}
	for _, d := range c.Domains {
		fmt.Fprintf(&b, "domain: %s", d.Domain)
		if origin {
			fmt.Fprintf(&b, " # line %d", d.Line)
		}
		b.WriteByte('\n')
	}
	for _, i := range c.Ignores {
		where, until := i.Domain, "until "+i.Until
		if where == "" {
			where = "every domain"
		}
		if i.Until == "" {
			until = "permanent"
		}
		if i.Expired {
			until += ", over"
		}
		fmt.Fprintf(&b, "ignore: %s for %s, %s: %s", i.Rule, where, until, report.Escape(i.Reason))
		if origin {
			fmt.Fprintf(&b, " # line %d", i.Line)
		}
		b.WriteByte('\n')
	}
	_, err := s.out.Write([]byte(b.String()))
	return err
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

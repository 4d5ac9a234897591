package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/reply"
	"github.com/postseal/postseal/score"
)

func newExplainCmd(s *streams) *cobra.Command {
	var lang, format, stage string
	cmd := &cobra.Command{
		Use:   "explain RULE|score|REPLY...|-",
		Short: "Say why a rule exists, or what an SMTP reply means and what to do",
		Long: "Explain says of a rule why it exists and how to mend what it finds. Of an SMTP reply it says what it means,\n" +
			"what to do, whether to try again and who has to act. A reply may be a code, a line of a mail log, the\n" +
			"fields of a bounce or the error of a program; - reads standard input, where it may be a whole session, too.\n" +
			"What is known of one provider only, and not verified, is marked so. It asks no network.\n\n" +
			"Exit codes: 0 explained; 2 usage, or nothing that could be explained.",
		Example: "  postseal explain spf-lookup-limit\n" +
			"  postseal explain --lang pt-BR dmarc-policy-none\n" +
			"  postseal explain score\n" +
			"  postseal explain 550 5.7.26\n" +
			"  postseal explain --stage greeting 554 5.7.1\n" +
			"  postseal explain --format json - < session.txt",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("give a rule or an SMTP reply; see '%s --help'", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := localizer(lang)
			if err != nil {
				return err
			}
			if format != "text" && format != "json" {
				return usage("unknown format %q (text or json)", format)
			}
			if len(args) > 1 || args[0] != "" && !ruleWord.MatchString(args[0]) {
				return explainReply(s, args, format, stage, l)
			}
			id := strings.ToLower(args[0])
			if id == "score" {
				return score.WriteTableIn(s.out, l)
			}
			for _, m := range allRules() {
				if m.ID == id {
					if format != "text" || stage != "" {
						return usage("--format and --stage are for SMTP replies; 'postseal rules --format json' has every rule")
					}
					return explain(s.out, m, l)
				}
			}
			// One word may be how a program calls a failure, such as ECONNREFUSED.
			if _, err := reply.Parse([]byte(args[0])); err == nil {
				return explainReply(s, args, format, stage, l)
			}
			return usage("there is no rule %q%s", args[0], didYouMean(args[0]))
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return append(ruleIDs(), "score"), cobra.ShellCompDirectiveNoFileComp
		},
	}
	addLang(cmd, &lang)
	cmd.Flags().StringVar(&format, "format", "text", "of a reply: what standard output gets, a `FORMAT`: text or json")
	cmd.Flags().StringVar(&stage, "stage", "", "where in the session the reply came, a `STAGE`: "+strings.Join(stageNames(), ", "))
	complete(cmd, "format", "text", "json")
	complete(cmd, "stage", stageNames()...)
	return cmd
}

func explain(w io.Writer, m *check.Meta, l *locale.Localizer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n", m.ID, l.Title(m))
	fmt.Fprintf(&b, "%s: %s\n", l.Text("explain.severity", nil), severities(m, l))
	for i, r := range m.Refs {
		if i == 0 {
			fmt.Fprintf(&b, "%s: ", l.Text("explain.refs", nil))
		} else {
			b.WriteString(", ")
		}
		b.WriteString(r.Doc)
		if r.Section != "" {
			b.WriteString(" §" + r.Section)
		}
	}
	fmt.Fprintf(&b, "\n\n%s\n", strings.TrimSpace(l.Doc(m)))
	_, err := io.WriteString(w, b.String())
	return err
}

func severities(m *check.Meta, l *locale.Localizer) string {
	words := []string{l.Text("report.severity."+m.Severity.String(), nil)}
	for _, v := range m.Variants {
		words = append(words, fmt.Sprintf("%s (%s)", l.Text("report.severity."+v.Severity.String(), nil), v.Name))
	}
	return strings.Join(words, ", ")
}

func ruleIDs() []string {
	metas := allRules()
	ids := make([]string, len(metas))
	for i, m := range metas {
		ids[i] = m.ID
	}
	return ids
}

// didYouMean names the rules that are spelt nearly so, or hold what was typed.
func didYouMean(typed string) string {
	typed = strings.ToLower(typed)
	var near, holding []string
	for _, id := range ruleIDs() {
		switch {
		case len(typed) < 100 && distance(typed, id) <= 1+len(id)/8:
			near = append(near, id)
		case typed != "" && strings.Contains(id, typed), sharedWords(typed, id) >= 2:
			holding = append(holding, id)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return distance(typed, a) - distance(typed, b) })
	if near = append(near, holding...); len(near) == 0 {
		return "; 'postseal rules' lists them"
	}
	return "; did you mean " + strings.Join(near[:min(len(near), 3)], ", ") + "?"
}

func sharedWords(a, b string) int {
	n := 0
	for _, w := range strings.Split(a, "-") {
		if slices.Contains(strings.Split(b, "-"), w) {
			n++
		}
	}
	return n
}

// distance is how many characters are added, dropped or changed from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func newRulesCmd(s *streams) *cobra.Command {
	var lang, format, standard string
	cmd := &cobra.Command{
		Use:     "rules",
		Short:   "List every rule",
		Example: "  postseal rules\n  postseal rules --standard dmarc --format json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			l, err := localizer(lang)
			if err != nil {
				return err
			}
			metas := allRules()
			if standard != "" {
				if !slices.Contains(check.Standards, check.Standard(standard)) {
					return usage("--standard %q is none of %v", standard, check.Standards)
				}
				metas = slices.DeleteFunc(metas, func(m *check.Meta) bool { return string(m.Standard) != standard })
			}
			switch format {
			case "text":
				return listRules(s.out, metas, l)
			case "json":
				return listRulesJSON(s.out, metas, l)
			}
			return usage("unknown format %q (text or json)", format)
		},
	}
	addLang(cmd, &lang)
	cmd.Flags().StringVar(&format, "format", "text", "print as `FORMAT`: text or json")
	cmd.Flags().StringVar(&standard, "standard", "", "only the rules of one `STANDARD`")
	complete(cmd, "format", "text", "json")
	names := make([]string, len(check.Standards))
	for i, n := range check.Standards {
		names[i] = string(n)
	}
	complete(cmd, "standard", names...)
	return cmd
}

func listRules(w io.Writer, metas []*check.Meta, l *locale.Localizer) error {
	for _, m := range metas {
		if _, err := fmt.Fprintf(w, "%-36s %-8s %s\n", m.ID, m.Severity, l.Title(m)); err != nil {
			return err
		}
	}
	return nil
}

func listRulesJSON(w io.Writer, metas []*check.Meta, l *locale.Localizer) error {
	type variant struct {
		Name     string         `json:"name"`
		Severity check.Severity `json:"severity"`
	}
	type row struct {
		ID        string         `json:"id"`
		Standard  check.Standard `json:"standard"`
		Severity  check.Severity `json:"severity"`
		Variants  []variant      `json:"variants"`
		Title     string         `json:"title"`
		Refs      []check.Ref    `json:"refs"`
		CoveredBy []string       `json:"covered_by"`
		Doc       string         `json:"doc"`
	}
	rows := make([]row, len(metas))
	for i, m := range metas {
		rows[i] = row{m.ID, m.Standard, m.Severity, []variant{}, l.Title(m), m.Refs, append([]string{}, m.CoveredBy...), l.Doc(m)}
		for _, v := range m.Variants {
			rows[i].Variants = append(rows[i].Variants, variant(v))
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(map[string]any{"rules": rows})
}

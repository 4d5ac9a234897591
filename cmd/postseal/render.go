package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/report"
)

func newRenderCmd(s *streams) *cobra.Command {
	var o outputFlags
	var g gateFlags
	cmd := &cobra.Command{
		Use:   "render RESULT.json",
		Short: "Make any format from a saved result",
		Long: "Render reads what 'audit --format json' wrote (- is standard input) and prints it in another format.\n" +
			"Nothing is asked again. Messages stay in the language of the run.",
		Example: "  postseal audit example.com -o json=result.json\n  postseal render result.json -o html=report.html",
		Args:    oneArg("RESULT.json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := g.check(); err != nil {
				return err
			}
			in := s.in
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return usage("%w", err)
				}
				defer f.Close()
				in = f
			}
			doc, err := report.ReadJSON(in)
			if err != nil {
				return usage("%s: %w", args[0], plain(err))
			}
			if o.lang == "" {
				o.lang = doc.Lang
			}
			outputs, l, err := o.open(s, len(doc.Reports))
			if err != nil {
				return err
			}
			baseline, err := readBaseline(g.baseline)
			if err != nil {
				return err
			}
			if baseline != nil {
				report.Compare(baseline, doc)
			}
			doc.Exit = g.judge(doc, l)
			if err := outputs.write(doc); err != nil {
				return err
			}
			return outputs.exit(doc)
		},
	}
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
	}
	o.add(cmd)
	g.add(cmd)
	return cmd
}

package man

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func tree() *cobra.Command {
	root := &cobra.Command{Use: "tool", Short: "Do things", Long: "Tool does things.\n\nIt reads\n.tool.yaml and 'x' at C:\\dir."}
	sub := &cobra.Command{
		Use: "look FILE", Short: "Look at a file", RunE: func(*cobra.Command, []string) error { return nil },
		Example: "  tool look --as zone *.zone\n  .hidden",
	}
	sub.Flags().StringP("as", "a", "auto", "read the file as `KIND`")
	sub.Flags().Bool("secret", false, "not for you")
	sub.Flags().Lookup("secret").Hidden = true
	root.AddCommand(sub, &cobra.Command{Use: "inner", Hidden: true, Run: func(*cobra.Command, []string) {}})
	return root
}

func TestPage(t *testing.T) {
	pages := Pages(tree(), "2026-11-23", "tool 1.0")
	var names []string
	for _, p := range pages {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"tool-look.1", "tool.1"}, names); diff != "" {
		t.Fatalf("pages (-want +got):\n%s", diff)
	}
	want := `.TH "TOOL\-LOOK" 1 "2026\-11\-23" "tool 1.0" "postseal manual"
.nh
.ad l
.SH NAME
tool\-look \- Look at a file
.SH SYNOPSIS
.nf
tool look FILE [flags]
.fi
.SH DESCRIPTION
Look at a file
.SH OPTIONS
.TP
\fB\-a\fP, \fB\-\-as\fP \fIKIND\fP
read the file as KIND (default auto)
.SH EXAMPLES
.nf
tool look \-\-as zone *.zone
\&.hidden
.fi
.SH SEE ALSO
\fBtool\fP(1)
`
	if diff := cmp.Diff(want, string(pages[0].Text)); diff != "" {
		t.Errorf("the page (-want +got):\n%s", diff)
	}
	// RFC-like text of a description that roff would take for requests or escapes.
	if text := string(pages[1].Text); !strings.Contains(text, "\n\\&.tool.yaml and \\(aqx\\(aq at C:\\edir.\n") {
		t.Errorf("the description is not escaped:\n%s", text)
	}
}

func TestTheSameTwice(t *testing.T) {
	a, b := Pages(tree(), "", "tool"), Pages(tree(), "", "tool")
	if !slices.EqualFunc(a, b, func(x, y Page) bool { return x.Name == y.Name && bytes.Equal(x.Text, y.Text) }) {
		t.Error("two runs give different pages")
	}
}

// TestManReadsIt asks man, where there is one, whether it has anything to warn of.
func TestManReadsIt(t *testing.T) {
	man, err := exec.LookPath("man")
	if err != nil {
		t.Skip("man is not installed")
	}
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("groff is not installed")
	}
	for _, p := range Pages(tree(), "2026-11-23", "tool 1.0") {
		cmd := exec.Command(man, "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-")
		cmd.Env = append(cmd.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80", "MANPAGER=cat")
		cmd.Stdin = bytes.NewReader(p.Text)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if err := cmd.Run(); err != nil || errs.Len() > 0 {
			t.Errorf("%s: %v: %s", p.Name, err, errs.String())
		}
	}
}

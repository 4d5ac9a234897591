package main

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/reply"
)

// TestReplyChecks holds what explanations of replies send a reader to: rules
// that exist, and commands whose flags exist.
func TestReplyChecks(t *testing.T) {
	ids := ruleIDs()
	root := newRootCmd(&streams{in: strings.NewReader(""), out: &stdout{w: &bytes.Buffer{}}, err: &bytes.Buffer{}})
	for _, c := range reply.Checks() {
		words := strings.Fields(c)
		if words[0] != "postseal" {
			if !slices.ContainsFunc(ids, func(id string) bool { ok, _ := filepath.Match(c, id); return ok }) {
				t.Errorf("there is no rule %s", c)
			}
			continue
		}
		cmd, rest, err := root.Find(words[1:])
		if err != nil || cmd == root {
			t.Errorf("%s: %v", c, err)
			continue
		}
		for _, w := range rest {
			if flag, ok := strings.CutPrefix(w, "--"); ok && cmd.Flags().Lookup(flag) == nil {
				t.Errorf("%s: there is no flag %s", c, w)
			}
		}
	}
}

// TestReplyStranger feeds what a stranger may write to both commands: nothing
// of it reaches a terminal as it came, and nothing fails but by exit code 2.
func TestReplyStranger(t *testing.T) {
	session := "S: 220 " + strings.ReplaceAll(nasty, "\r\n", " ") + "\nC: EHLO " + strings.ReplaceAll(nasty, "\r\n", " ") +
		"\nS: 550 5.7.1 " + strings.ReplaceAll(nasty, "\r\n", " ") + "\nC: MAIL FROM: <" + strings.ReplaceAll(nasty, "\r\n", " ") + ">\nS: 550 no\n"
	for _, text := range []string{"550 5.7.1 " + nasty, nasty, session, "Status: 5.1.1\nDiagnostic-Code: smtp; 550 " + nasty, "(550, b'" + nasty + "')"} {
		for _, args := range [][]string{
			{"explain", "-"}, {"explain", "--format", "json", "-"}, {"explain", "--lang", "pt-BR", "-"}, {"session", "-"}, {"session", "--format", "json", "-"},
		} {
			var out, errs bytes.Buffer
			code := run(t.Context(), args, strings.NewReader(text), &out, &errs)
			if code != exitOK && code != exitUsage {
				t.Errorf("%v of %q: exit %d: %s", args, text, code, errs.String())
			}
			for name, got := range map[string]string{"out": out.String(), "err": errs.String()} {
				if found := obeyed(name, got); found != "" {
					t.Errorf("%v of %q: %s", args, text, found)
				}
			}
		}
	}
}

// TestReplyLimits refuses what is too large, and leaves nothing on stdout.
func TestReplyLimits(t *testing.T) {
	for _, text := range []string{strings.Repeat("250-a\n", 200_000), strings.Repeat("\n", reply.MaxLines+1), ""} {
		for _, cmd := range []string{"explain", "session"} {
			var out, errs bytes.Buffer
			code := run(t.Context(), []string{cmd, "-"}, strings.NewReader(text), &out, &errs)
			if code != exitUsage || out.Len() > 0 || strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("%s of %d octets: exit %d, %q, %q", cmd, len(text), code, out.String(), errs.String())
			}
		}
	}
}

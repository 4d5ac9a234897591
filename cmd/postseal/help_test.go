package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func everyCommand(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		everyCommand(sub, visit)
	}
}

// TestHelp asks every command for help: it says what it does, with an example,
// and every line fits the 80 columns of a file or pipe.
func TestHelp(t *testing.T) {
	root := newRootCmd(&streams{in: strings.NewReader(""), out: &stdout{w: &bytes.Buffer{}}, err: &bytes.Buffer{}})
	everyCommand(root, func(c *cobra.Command) {
		path := strings.Fields(c.CommandPath())[1:]
		var out, errs bytes.Buffer
		if code := run(t.Context(), append(path, "--help"), strings.NewReader(""), &out, &errs); code != exitOK || errs.Len() > 0 {
			t.Errorf("%s: help exits with %d: %s", c.CommandPath(), code, errs.String())
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: the short text is %q", c.CommandPath(), c.Short)
		}
		if c.Runnable() && !c.HasSubCommands() && c.Example == "" && c.Parent().Name() != "completion" {
			t.Errorf("%s: no example", c.CommandPath())
		}
		for _, line := range strings.Split(out.String(), "\n") {
			if n := len([]rune(line)); n > 80 {
				t.Errorf("%s: a line of %d columns: %s", c.CommandPath(), n, line)
			}
		}
	})
}

// exampleWords are the arguments of an example, as far as they name a command.
func exampleWords(line string) ([]string, error) {
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != "postseal" {
		return nil, fmt.Errorf("%q does not call postseal", line)
	}
	return words[1:], nil
}

// TestExamples runs the examples of every command's help as they stand, in one
// folder and in a shell; only the network is taken from them.
func TestExamples(t *testing.T) {
	const zone = "$ORIGIN example.com.\n$TTL 60\n@ SOA ns root 1 2 3 4 5\n@ NS ns\nns A 5.6.7.53\n@ MX 10 mx1\nmx1 A 5.6.7.25\n" +
		"@ TXT \"v=spf1 mx -all\"\n_dmarc TXT \"v=DMARC1; p=reject\"\n"
	const google = "$ORIGIN google.com.\n$TTL 60\n@ SOA ns root 1 2 3 4 5\n_spf TXT \"v=spf1 ip4:5.6.7.0/24 -all\"\n"
	dir := t.TempDir()
	ca, err := os.ReadFile(tlsaFiles(t)["ca"])
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"tls/fullchain.pem": string(ca), "tls/issuer.pem": string(ca),
		"logo.svg":         bimiLogo,
		"tls/next.key":     "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n",
		"example.com.zone": zone, "google.zone": google, "domains.txt": "example.com\nmail.example.com\n",
		"ci/postseal.yaml": "domains: [example.com]\n",
		"session.txt":      "S: 220 mx.example.com ESMTP\nC: EHLO a.example\nS: 250 mx.example.com\nC: QUIT\nS: 221 bye\n",
		"m.eml":            "From: news@example.com\nDate: Tue, 14 Nov 2023 22:13:20 +0000\nSubject: Hello\n\nHello\n",
		// the private key that RFC 8463 §A.2 prints
		"keys/example.com.s202611a.pem": "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n", "keys/s1.private": "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n",
		"config/example.com.yaml": "'':\n  type: TXT\n  value: v=spf1 -all\n",
		"ir.json":                 `{"registrars":[],"domains":[{"name":"example.com","records":[{"type":"TXT","name":"@","target":"v=spf1 -all"}]}]}`,
		"plan.json": `{"planned_values":{"root_module":{"resources":[{"address":"a","type":"aws_route53_record",` +
			`"values":{"name":"example.com","type":"TXT","records":["v=spf1 -all"]}}]}}}`,
		"tls-reports/one.json": tlsReport, "reports/one.xml": dmarcReport(t), "more.mbox": "From a\nContent-Type: text/xml\n\n" + dmarcReport(t),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root := newRootCmd(&streams{in: strings.NewReader(""), out: &stdout{w: &bytes.Buffer{}}, err: &bytes.Buffer{}})
	ran := 0
	everyCommand(root, func(c *cobra.Command) {
		for _, line := range strings.Split(c.Example, "\n") {
			line = strings.TrimSpace(line)
			switch {
			case line == "":
				continue
			case !strings.HasPrefix(line, c.CommandPath()+" ") && line != c.CommandPath() && !strings.HasPrefix(line, "postseal audit "):
				t.Errorf("%s: the example is of another command: %s", c.CommandPath(), line)
			}
			call := strings.NewReplacer("/etc/bash_completion.d/", "", "/etc/", "", "/tmp/", "").Replace(line)
			words, err := exampleWords(call)
			if err != nil {
				t.Fatal(err)
			}
			if target, _, err := root.Find(words); err != nil {
				t.Errorf("%s: %v", line, err)
			} else if target.Flags().Lookup("offline") != nil && !strings.Contains(call, "--offline") {
				call += " --offline --zone example.com.zone --zone google.zone"
			}
			if err := os.MkdirAll(filepath.Join(dir, "dkim"), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("sh", "-c", call)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "POSTSEAL_PASSWORD=correct horse")
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			err = cmd.Run()
			ran++
			// A mail server cannot be looked at without a network.
			offline := strings.HasPrefix(call, "postseal starttls ") && cmd.ProcessState.ExitCode() == exitIncomplete
			if code := cmd.ProcessState.ExitCode(); code != exitOK && code != exitFindings && !offline || strings.Contains(errs.String(), "not generated") {
				t.Errorf("%s: %v\n%s", call, err, errs.String())
			}
			// Each stands alone: a key of the last example is not in the way.
			keys, err := filepath.Glob(filepath.Join(dir, "*.pem"))
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range append(keys, filepath.Join(dir, "mta-sts.txt"), filepath.Join(dir, ".postseal.yaml")) {
				os.Remove(k)
			}
		}
	})
	if ran < 15 {
		t.Errorf("only %d examples were found", ran)
	}
}

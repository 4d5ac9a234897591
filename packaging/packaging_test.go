// Package packaging holds what runs postseal elsewhere (the GitHub Action, CI
// templates, systemd units, container files) to the binary and to each other.
package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// bin is a postseal built for these tests.
var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "packaging")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		bin = filepath.Join(dir, "postseal")
		cmd := exec.Command("go", "build", "-o", bin, "../cmd/postseal")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			os.Stderr.Write(out)
			panic(err)
		}
		return m.Run()
	}())
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// flagsOf gives the flags and formats that a command knows.
func flagsOf(t *testing.T, command string) (flags, formats []string) {
	t.Helper()
	out, err := exec.Command(bin, command, "--help").Output()
	if err != nil {
		t.Fatalf("postseal %s --help: %v", command, err)
	}
	for _, m := range regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[a-z-]+)`).FindAllStringSubmatch(string(out), -1) {
		flags = append(flags, m[1])
	}
	out, err = exec.Command(bin, "__complete", command, "--format", "").Output()
	if err != nil {
		t.Fatal(err)
	}
	for f := range strings.SplitSeq(string(out), "\n") {
		formats = append(formats, f)
	}
	return flags, formats
}

// TestFlagsExist looks up every flag and format that these files give postseal.
func TestFlagsExist(t *testing.T) {
	audit, formats := flagsOf(t, "audit")
	lint, _ := flagsOf(t, "lint")
	version := []string{"--help"}
	if !slices.Contains(audit, "--no-smtp") || !slices.Contains(formats, "sarif") {
		t.Fatalf("the flags were not found: %q %q", audit, formats)
	}
	for _, c := range []struct {
		path string
		has  [][]string // of the commands it calls
	}{
		{"action/run.sh", [][]string{audit, lint}},
		{"systemd/postseal.service", [][]string{audit}},
		{"systemd/prometheus.conf", [][]string{audit}},
		{"gitlab/postseal.gitlab-ci.yml", [][]string{audit, lint}},
		{"kubernetes/cronjob.yaml", [][]string{audit}},
		{"icinga/postseal.conf", [][]string{audit}},
		{"icinga/nagios.cfg", [][]string{audit}},
		{"../.pre-commit-hooks.yaml", [][]string{lint}},
		{"../docs/examples/github-workflow.yml", [][]string{audit, lint}},
		{"../docs/ci.md", [][]string{audit, lint, version}},
	} {
		text := regexp.MustCompile(`(?m)^\s*#.*$`).ReplaceAllString(read(t, c.path), "")
		found := 0
		for _, m := range regexp.MustCompile(`(?:^|[\s"'\[`+"`"+`(])(--[a-z][a-z-]*)`).FindAllStringSubmatch(text, -1) {
			flag := m[1]
			if ofOthers[flag] {
				continue
			}
			found++
			if !slices.ContainsFunc(c.has, func(has []string) bool { return slices.Contains(has, flag) }) {
				t.Errorf("%s: postseal has no %s", c.path, flag)
			}
		}
		for _, m := range regexp.MustCompile(`-o "?([a-z]+)=`).FindAllStringSubmatch(text, -1) {
			found++
			if !slices.Contains(formats, m[1]) {
				t.Errorf("%s: postseal has no format %q", c.path, m[1])
			}
		}
		if found == 0 {
			t.Errorf("%s: no flag was found in it", c.path)
		}
	}
}

// ofOthers are flags of the other programs that these files call: docker, curl,
// the GitHub CLI, node_exporter and systemd's tools.
var ofOthers = map[string]bool{
	"--build-arg": true, "--rm": true, "--fail": true, "--silent": true, "--show-error": true, "--repo": true,
	"--collector": true, "--now": true, "--title": true, "--body-file": true, "--user": true,
}

// TestInputsGoThroughTheEnvironment: an expression in a script of the action would
// be put into its text, where a domain such as $(id) is a command.
func TestInputsGoThroughTheEnvironment(t *testing.T) {
	action := read(t, "../action.yml")
	declared := map[string]bool{}
	head, steps, _ := strings.Cut(action, "\nruns:\n")
	inputs, outputs, _ := strings.Cut(head, "\noutputs:\n")
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+):$`).FindAllStringSubmatch(inputs, -1) {
		declared[m[1]] = true
	}
	used := map[string]bool{}
	for line := range strings.SplitSeq(steps, "\n") {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || !strings.Contains(value, "${{") {
			continue
		}
		m := regexp.MustCompile(`^\$\{\{ inputs\.([a-z-]+) \}\}$`).FindStringSubmatch(value)
		switch {
		case m != nil:
			used[m[1]] = true
			if want := "INPUT_" + strings.ToUpper(strings.ReplaceAll(m[1], "-", "_")); name != want {
				t.Errorf("input %s goes into %s; want %s", m[1], name, want)
			}
			if script := read(t, "action/install.sh") + read(t, "action/run.sh"); !strings.Contains(script, name) {
				t.Errorf("no script reads %s", name)
			}
		case !strings.HasPrefix(name, "POSTSEAL_"):
			t.Errorf("an expression outside of env: %s", line)
		}
	}
	for name := range declared {
		if !used[name] {
			t.Errorf("input %s is declared and not used", name)
		}
	}
	for name := range used {
		if !declared[name] {
			t.Errorf("input %s is used and not declared", name)
		}
	}
	run := read(t, "action/run.sh")
	for _, m := range regexp.MustCompile(`steps\.run\.outputs\.([a-z]+)`).FindAllStringSubmatch(outputs, -1) {
		if !strings.Contains(run, m[1]+"=%s") && !strings.Contains(run, m[1]+"=%d") {
			t.Errorf("run.sh writes no output %s", m[1])
		}
	}
}

// TestReleaseNames holds the names that the action downloads to those that goreleaser
// gives, for each system and processor of both.
func TestReleaseNames(t *testing.T) {
	release, install := read(t, "../.goreleaser.yaml"), read(t, "action/install.sh")
	template := regexp.MustCompile(`name_template: '(postseal_[^']+)'`).FindStringSubmatch(release)
	asset := regexp.MustCompile(`asset="([^"]+)"`).FindStringSubmatch(install)
	if template == nil || asset == nil {
		t.Fatal("the names were not found")
	}
	list := func(key string) []string {
		return strings.Split(regexp.MustCompile(`(?m)^    ` + key + `: \[([^\]]+)\]`).FindStringSubmatch(release)[1], ", ")
	}
	for _, m := range regexp.MustCompile(`\bos=([a-z]+) ;;`).FindAllStringSubmatch(install, -1) {
		if !slices.Contains(list("goos"), m[1]) {
			t.Errorf("goreleaser does not build for %s", m[1])
		}
		for _, a := range regexp.MustCompile(`\barch=([a-z0-9]+) ;;`).FindAllStringSubmatch(install, -1) {
			if !slices.Contains(list("goarch"), a[1]) {
				t.Errorf("goreleaser does not build for %s", a[1])
			}
			want := strings.NewReplacer("{{ .Os }}", m[1], "{{ .Arch }}", a[1]).Replace(template[1]) + ".tar.gz"
			if got := strings.NewReplacer("${os}", m[1], "${arch}", a[1]).Replace(asset[1]); got != want {
				t.Errorf("the action asks for %s, goreleaser makes %s", got, want)
			}
		}
	}
	if !regexp.MustCompile(`formats: \[zip, tar\.gz\]`).MatchString(release) {
		t.Error("Windows lacks the tar.gz that the action asks for")
	}
}

// TestReleaseFiles looks for every file of the repository that goreleaser packs.
func TestReleaseFiles(t *testing.T) {
	for _, m := range regexp.MustCompile(`(?m)(?:src|dockerfile|main): (\S+)$`).FindAllStringSubmatch(read(t, "../.goreleaser.yaml"), -1) {
		if strings.HasPrefix(m[1], ".cache/release/") {
			continue // made by the hook
		}
		if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
			t.Error(err)
		}
	}
}

// TestSystemd has systemd itself look at the units.
func TestSystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd is not installed")
	}
	dir := t.TempDir()
	// verify looks whether the program is there.
	service := strings.ReplaceAll(read(t, "systemd/postseal.service"), "/usr/bin/postseal", bin)
	service = strings.Replace(service, "Documentation=man:postseal-audit(1)\n", "", 1) // the page is not installed here
	for name, text := range map[string]string{"postseal.service": service, "postseal.timer": read(t, "systemd/postseal.timer"), "postseal.service.d/prometheus.conf": strings.ReplaceAll(read(t, "systemd/prometheus.conf"), "/usr/bin/postseal", bin)} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(analyze, "verify", filepath.Join(dir, "postseal.service"), filepath.Join(dir, "postseal.timer")).CombinedOutput()
	for line := range strings.SplitSeq(string(out), "\n") {
		if strings.Contains(line, "postseal") {
			t.Error(line)
		}
	}
	if err != nil {
		t.Logf("systemd-analyze verify: %v: %s", err, out) // other units of this machine
	}
}

// TestShell reads the scripts of the action with bash, and with shellcheck where it is.
func TestShell(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs bash")
	}
	for _, script := range []string{"action/install.sh", "action/run.sh"} {
		if out, err := exec.Command("bash", "-n", script).CombinedOutput(); err != nil {
			t.Errorf("bash -n %s: %v\n%s", script, err, out)
		}
		if _, err := exec.LookPath("shellcheck"); err != nil {
			t.Log("shellcheck is not installed")
			continue
		}
		if out, err := exec.Command("shellcheck", script).CombinedOutput(); err != nil {
			t.Errorf("shellcheck %s: %v\n%s", script, err, out)
		}
	}
}

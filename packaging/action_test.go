package packaging

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

const zone = `$ORIGIN example.com.
$TTL 3600
@ IN SOA ns1 host 1 2 3 4 5
@ NS ns1
ns1 A 5.6.7.53
@ MX 10 mx1
mx1 A 5.6.7.25
@ TXT "v=spf1 mx ?all"
_dmarc TXT "v=DMARC1; p=none; rua=mailto:d@example.com"
_dmarc.evil TXT "::set-env name=PATH::/tmp"
`

// step is one step of the action, run in a folder of its own.
type step struct {
	dir, output string
	outputs     map[string]string
	summary     string
	code        int
}

func runStep(t *testing.T, script string, env map[string]string) *step {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs bash")
	}
	s := &step{dir: t.TempDir(), outputs: map[string]string{}}
	temp := filepath.Join(s.dir, "runner temp") // a space, as folders may have
	if err := os.MkdirAll(temp, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "my zone.txt"), []byte(zone), 0o644); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", filepath.Join(here, "action", script))
	cmd.Dir = s.dir
	file := func(name string) string { return filepath.Join(s.dir, name) }
	cmd.Env = append(os.Environ(), "RUNNER_TEMP="+temp, "GITHUB_OUTPUT="+file("outputs"), "GITHUB_STEP_SUMMARY="+file("summary"),
		"GITHUB_PATH="+file("path"), "POSTSEAL_BIN="+bin, "LC_ALL=C.UTF-8")
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, err := cmd.CombinedOutput()
	s.output, s.code = string(out), cmd.ProcessState.ExitCode()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file("outputs")); err == nil {
		for line := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n") {
			k, v, _ := strings.Cut(line, "=")
			s.outputs[k] = v
		}
	}
	if b, err := os.ReadFile(file("summary")); err == nil {
		s.summary = string(b)
	}
	return s
}

const offline = "--offline\n--zone\nmy zone.txt\n"

func TestActionAudits(t *testing.T) {
	s := runStep(t, "run.sh", map[string]string{"INPUT_DOMAINS": "example.com", "INPUT_ARGS": offline, "INPUT_FAIL_ON": "warning"})
	if s.code != 1 {
		t.Fatalf("exit code %d, want 1 for warnings:\n%s", s.code, s.output)
	}
	if !regexp.MustCompile(`^[0-9]+$`).MatchString(s.outputs["score"]) || !regexp.MustCompile(`^[A-F]\+?$`).MatchString(s.outputs["grade"]) {
		t.Errorf("score %q, grade %q", s.outputs["score"], s.outputs["grade"])
	}
	if n := s.outputs["findings"]; n == "" || n == "0" {
		t.Errorf("findings is %q, and there are some", n)
	}
	for _, name := range []string{"json", "markdown", "sarif", "html"} {
		if _, err := os.Stat(s.outputs[name]); err != nil {
			t.Errorf("output %s: %v", name, err)
		}
	}
	if !strings.Contains(s.summary, "### example.com: "+s.outputs["score"]+"/100") {
		t.Errorf("the summary lacks the score:\n%s", s.summary)
	}
	if !strings.Contains(s.output, "\n::warning ") {
		t.Errorf("no annotation was printed:\n%s", s.output)
	}
	// Between the two tokens the runner obeys nothing.
	m := regexp.MustCompile(`(?s)^::stop-commands::([0-9a-f]{32})\n(.*)\n::([0-9a-f]{32})::\n`).FindStringSubmatch(s.output)
	if m == nil || m[1] != m[3] || !strings.Contains(m[2], "example.com") {
		t.Errorf("the report is not shielded from the runner:\n%s", s.output)
	}
}

// TestActionInputs gives inputs that a shell, or the file of outputs, would take for more than they are.
func TestActionInputs(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"a command in domains": {"INPUT_DOMAINS": "$(touch owned) `touch owned`"},
		"an option in domains": {"INPUT_DOMAINS": "--record=owned"},
		"a pattern in domains": {"INPUT_DOMAINS": "*"},
		"a command in args":    {"INPUT_DOMAINS": "example.com", "INPUT_ARGS": "--zone\n;touch owned"},
		"quotes in args":       {"INPUT_DOMAINS": "example.com", "INPUT_ARGS": "--zone=\"$(touch owned)\" ' && touch owned"},
		"a second output":      {"INPUT_DOMAINS": "example.com", "INPUT_SARIF_FILE": "x\nscore=100"},
		"a command in fail-on": {"INPUT_DOMAINS": "example.com", "INPUT_FAIL_ON": "error; touch owned"},
		"domains and files":    {"INPUT_DOMAINS": "example.com", "INPUT_FILES": "my zone.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			env["INPUT_ARGS"] = "--offline\n" + env["INPUT_ARGS"]
			s := runStep(t, "run.sh", env)
			if s.code != 2 {
				t.Errorf("exit code %d, want 2:\n%s", s.code, s.output)
			}
			if _, err := os.Stat(filepath.Join(s.dir, "owned")); err == nil {
				t.Error("the input was carried out")
			}
			if len(s.outputs) > 0 {
				t.Errorf("outputs were written: %v", s.outputs)
			}
		})
	}
}

func TestActionListsAndPaths(t *testing.T) {
	s := runStep(t, "run.sh", map[string]string{
		"INPUT_DOMAINS": "example.com,example.com\r\n mail.example.com", "INPUT_ARGS": strings.ReplaceAll(offline, "\n", "\r\n"),
		"INPUT_FAIL_ON": "none", "INPUT_SARIF_FILE": "out dir/it's.sarif", "INPUT_HTML_PATH": "pages/", "INPUT_SUMMARY": "false",
	})
	if s.code != 0 {
		t.Fatalf("exit code %d, want 0 with fail-on none:\n%s", s.code, s.output)
	}
	for _, path := range []string{"out dir/it's.sarif", "pages/index.html"} {
		if _, err := os.Stat(filepath.Join(s.dir, path)); err != nil {
			t.Error(err)
		}
	}
	if s.outputs["sarif"] != "out dir/it's.sarif" || s.summary != "" {
		t.Errorf("sarif is %q, the summary %q", s.outputs["sarif"], s.summary)
	}
}

func TestActionLints(t *testing.T) {
	s := runStep(t, "run.sh", map[string]string{"INPUT_FILES": "my zone.txt\n", "INPUT_ARGS": "--offline\n--as\nzone\n--domain=example.com", "INPUT_FAIL_ON": "none"})
	if s.code != 0 || s.outputs["score"] == "" {
		t.Errorf("exit code %d, score %q:\n%s", s.code, s.outputs["score"], s.output)
	}
}

// release serves one as the project would publish it.
func release(t *testing.T, sum func(archive []byte) string) string {
	t.Helper()
	program := "#!/bin/sh\necho \"postseal $*\"\n"
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "postseal", Mode: 0o755, Size: int64(len(program))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(program)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	z.Close()
	mux := http.NewServeMux()
	for _, at := range []string{"/latest/download/", "/download/v1.2.3/"} {
		mux.HandleFunc(at+"postseal_linux_arm64.tar.gz", func(w http.ResponseWriter, _ *http.Request) { w.Write(b.Bytes()) })
		mux.HandleFunc(at+"checksums.txt", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "%064d  postseal_linux_amd64.tar.gz\n%s", 0, sum(b.Bytes()))
		})
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestActionInstalls(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	right := func(b []byte) string { return fmt.Sprintf("%x  postseal_linux_arm64.tar.gz\n", sha256.Sum256(b)) }
	for _, c := range []struct {
		name, version, os string
		sum               func([]byte) string
		code              int
		says              string
	}{
		{"latest", "latest", "Linux", right, 0, "postseal version"},
		{"nothing said", "", "Linux", right, 0, "postseal version"},
		{"a release", "v1.2.3", "Linux", right, 0, "postseal version"},
		{"a release without v", "1.2.3", "Linux", right, 0, "postseal version"},
		{"one that is not there", "v9.9.9", "Linux", right, 2, "could not be downloaded"},
		{"no version", "../../evil", "Linux", right, 2, "version must be"},
		{"no such system", "latest", "Plan9", right, 2, "use version: source"},
		{"another checksum", "latest", "Linux", func([]byte) string { return strings.Repeat("0", 64) + "  postseal_linux_arm64.tar.gz\n" }, 2, "the checksum of postseal_linux_arm64.tar.gz is wrong"},
		{"no checksum", "latest", "Linux", func([]byte) string { return "" }, 2, "does not name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := runStep(t, "install.sh", map[string]string{
				"INPUT_VERSION": c.version, "RUNNER_OS": c.os, "RUNNER_ARCH": "ARM64", "POSTSEAL_RELEASES": release(t, c.sum),
			})
			if s.code != c.code || !strings.Contains(s.output, c.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s", s.code, c.code, c.says, s.output)
			}
			if _, err := os.Stat(s.outputs["bin"]); (err == nil) != (c.code == 0) {
				t.Errorf("output bin is %q", s.outputs["bin"])
			}
		})
	}
}

func TestActionBuilds(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	s := runStep(t, "install.sh", map[string]string{"INPUT_VERSION": "source", "POSTSEAL_ACTION": root})
	if s.code != 0 || !strings.HasPrefix(s.output, "postseal ") {
		t.Errorf("exit code %d:\n%s", s.code, s.output)
	}
}

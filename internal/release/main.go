// Command release makes the files of a release: for each platform an archive
// with the binary, its manual, shell completions and licences, a bill of
// materials, and Linux packages; one file of checksums over all of them.
//
//	go run ./internal/release -out dist              the commit that is checked out
//	go run ./internal/release -out dist -tag v1.2.3  the same, and it must be that tag
//	go run ./internal/release -reproducible          twice, elsewhere, with other caches: are the bytes the same?
//
// It works in a clone of its own, so that nothing that is not committed gets
// into a release, and takes every date from the commit. What is left to decide
// over the bytes is the commit, the version of Go and, of packages, that of nfpm.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
)

// target is one platform.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "/" + t.arch }

// base is the name of this platform's files without their endings. It has no
// version, so that releases/latest/download/NAME always is a file.
func (t target) base() string { return "postseal_" + t.os + "_" + t.arch }

func (t target) exe() string {
	if t.os == "windows" {
		return "postseal.exe"
	}
	return "postseal"
}

// targets are the platforms of a release. 'packaging' holds them to those that
// the action asks for.
var targets = []target{
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"linux", "amd64"}, {"linux", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

type options struct {
	repo     string // the repository to clone
	commit   string // "": the one that is checked out
	tag      string // what the commit must be tagged as; "" takes any commit
	targets  []target
	packages bool
	env      []string // besides the environment
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	var o options
	out := flags.String("out", "dist", "`folder` to write; one that is there is replaced")
	only := flags.String("targets", "", "`list` of platforms such as linux/amd64,darwin/arm64 (all)")
	flags.StringVar(&o.tag, "tag", "", "`tag` that the commit must have")
	flags.StringVar(&o.repo, "repo", ".", "`folder` of the repository")
	flags.BoolVar(&o.packages, "packages", true, "make .deb, .rpm and .apk, with nfpm")
	twice := flags.Bool("reproducible", false, "make the release twice and compare every byte")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	var err error
	if o.targets, err = parseTargets(*only); err != nil {
		return err
	}
	if *twice {
		return reproducible(ctx, o)
	}
	return release(ctx, o, *out)
}

func parseTargets(list string) ([]target, error) {
	if list == "" {
		return targets, nil
	}
	var chosen []target
	for s := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(targets, func(t target) bool { return t.String() == s })
		if i < 0 {
			return nil, fmt.Errorf("%q is none of %v", s, targets)
		}
		chosen = append(chosen, targets[i])
	}
	return chosen, nil
}

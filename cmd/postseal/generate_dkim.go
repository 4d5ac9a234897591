package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/publish"
)

// selectorForm is what a selector may look like: labels of letters, digits and
// hyphens (RFC 6376 §3.1).
var selectorForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

func newGenDKIMCmd(s *streams) *cobra.Command {
	var (
		g        genFlags
		keyType  string
		selector string
		dir      string
		rec      dkim.RecordOptions
	)
	cmd := &cobra.Command{
		Use:   "dkim DOMAIN",
		Short: "Make a DKIM key pair and its record",
		Long: "The private key is written to FOLDER/DOMAIN.SELECTOR.pem (PKCS#8, mode 0600) and never to standard output.\n" +
			"An existing file is never overwritten. 'both' makes an RSA key and an Ed25519 key under two selectors.",
		Example: "  postseal generate dkim example.com\n  postseal generate dkim example.com --type both --key-dir /etc/dkim",
		Args:    oneArg("domain"),
		RunE: func(_ *cobra.Command, args []string) error {
			gen, err := g.begin(s, args[0])
			if err == nil {
				err = gen.itself()
			}
			if err != nil {
				return err
			}
			if selector == "" {
				selector = dkim.DefaultSelector(time.Now())
			}
			selector = strings.ToLower(selector)
			if !selectorForm.MatchString(selector) {
				return usage("--selector %q may have only letters, digits and hyphens", selector)
			}
			plan := []keyPlan{{selector, keyType}}
			if keyType == "both" {
				plan = []keyPlan{{selector, "rsa2048"}, {selector + "-ed", "ed25519"}}
			}
			return gen.keys(plan, dir, rec)
		},
	}
	g.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&keyType, "type", "rsa2048", "rsa2048, rsa3072, rsa4096, ed25519 or both")
	fl.StringVar(&selector, "selector", "", "selector to publish the key at (default: of the month, such as s202611a)")
	fl.StringVar(&dir, "key-dir", ".", "folder to write the private key to")
	fl.BoolVar(&rec.Testing, "test", false, "add t=y: receivers look away while you try")
	fl.BoolVar(&rec.Strict, "strict", false, "add t=s: no signatures for subdomains")
	complete(cmd, "type", "rsa2048", "rsa3072", "rsa4096", "ed25519", "both")
	return cmd
}

type keyPlan struct{ selector, keyType string }

// keys makes and writes the keys. When one cannot be written, those written in
// this call are taken away again: nobody has their records yet.
func (g *generation) keys(plan []keyPlan, dir string, rec dkim.RecordOptions) (err error) {
	var written, types []string
	defer func() {
		if err != nil {
			for _, path := range written {
				err = errors.Join(err, os.Remove(path))
			}
		}
	}()
	for _, p := range plan {
		name := g.domain.Child(p.selector + "._domainkey")
		if err := name.Check(); err != nil {
			return usage("%s cannot be a name in DNS: %w", name, err)
		}
		key, err := dkim.GenerateKey(p.keyType)
		if err != nil {
			return g.refused(err)
		}
		path := filepath.Join(dir, fmt.Sprintf("%s.%s.pem", g.domain, p.selector))
		if err := key.WriteFile(path); err != nil {
			return g.refused(err)
		}
		written = append(written, path)
		g.set.Files = append(g.set.Files, publish.File{Path: path, Mode: 0o600})
		text := key.Record(rec)
		if err := key.ReadBack(text); err != nil {
			return g.refused(err)
		}
		if err := g.txt(name, text, "dkim", ""); err != nil {
			return err
		}
		types = append(types, p.keyType)
	}
	if err := g.judge(dkim.Advice(types...)); err != nil {
		return err
	}
	if err := g.finish(); err != nil {
		return err
	}
	for _, path := range written {
		g.note("gen.key-written", check.Params{"Path": path})
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/publish"
)

// selectorForm is what a selector may look like: labels of letters, digits and
// hyphens (RFC 6376 §3.1).
var selectorForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

// checkSelector gives a selector as it is published.
func checkSelector(flag, s string) (string, error) {
	s = strings.ToLower(s)
	if !selectorForm.MatchString(s) {
		return "", usage("%s %q may have only letters, digits and hyphens", flag, s)
	}
	return s, nil
}

// keyFlags say how keys are made, here and for a rotation.
type keyFlags struct {
	keyType string
	dir     string
	form    string
	rec     dkim.RecordOptions
}

func (k *keyFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&k.form, "key-format", "pem", "`FORM` of the key file: pem, or raw for an Ed25519 key as rspamd keeps it")
	fl.BoolVar(&k.rec.Testing, "test", false, "add t=y: receivers look away while you try")
	fl.BoolVar(&k.rec.Strict, "strict", false, "add t=s: no signatures for subdomains")
	fl.BoolVar(&k.rec.SHA256, "hash-sha256", false, "add h=sha256: no signatures with another hash")
	fl.StringSliceVar(&k.rec.Services, "services", nil, "add s=: `WHAT` the key may sign, email and tlsrpt (default: everything)")
	complete(cmd, "key-format", "pem", "raw")
}

// check refuses options that go together with no key.
func (k *keyFlags) check(cmd *cobra.Command) error {
	if k.form != "pem" && k.form != "raw" {
		return usage("--key-format %q is neither pem nor raw", k.form)
	}
	if k.form == "raw" && k.keyType != "ed25519" && k.keyType != "both" {
		return usage("--key-format raw is a form of Ed25519 keys; add --type ed25519 or --type both")
	}
	if cmd.Flags().Changed("services") && len(k.rec.Services) == 0 {
		return usage("--services has no value")
	}
	for _, s := range k.rec.Services {
		if s != "email" && s != "tlsrpt" && s != "*" {
			return usage("--services %q is neither email, tlsrpt nor *", s)
		}
	}
	return nil
}

// keyPlan is one key to be made.
type keyPlan struct{ selector, keyType string }

// plan names the selectors of a key type: an Ed25519 key beside another one has
// a name of its own, because a selector holds one key.
func (k *keyFlags) plan(selector string) []keyPlan {
	if k.keyType == "both" {
		return []keyPlan{{selector, "rsa2048"}, {selector + "-ed", "ed25519"}}
	}
	return []keyPlan{{selector, k.keyType}}
}

// path is where a key goes, in a form that its owner reads.
func (k *keyFlags) path(domain dns.Name, p keyPlan) string {
	ending := "pem"
	if k.form == "raw" && p.keyType == "ed25519" {
		ending = "key"
	}
	return filepath.Join(k.dir, fmt.Sprintf("%s.%s.%s", domain, p.selector, ending))
}

func newGenDKIMCmd(s *streams) *cobra.Command {
	var (
		keys     []dkim.SigningKey // as the signers' formats need them
		g        genFlags
		net      netFlags
		k        keyFlags
		selector string
	)
	var gen *generation
	g.more = []genFormat{
		{name: "opendkim", write: func(w io.Writer, set *publish.Set) error {
			files, both := dkim.OpenDKIM(gen.domain, keys)
			return gen.signer(w, set, files, both)
		}},
		{name: "rspamd", write: func(w io.Writer, set *publish.Set) error {
			return gen.signer(w, set, dkim.Rspamd(gen.domain, keys), false)
		}},
	}
	cmd := &cobra.Command{
		Use:   "dkim DOMAIN",
		Short: "Make a DKIM key pair and its record",
		Long: "The private key is written to FOLDER/DOMAIN.SELECTOR.pem (PKCS#8, mode 0600) and never to standard output.\n" +
			"An existing file is never overwritten. 'both' makes an RSA key and an Ed25519 key under two selectors.\n\n" +
			"DNS is asked whether the selector is free: one that resolves is refused, because signatures made with the\n" +
			"key there would break. Without --selector it is that of the month with the first free letter. '--format\n" +
			"opendkim' and 'rspamd' print the signer's configuration, with the record as a comment above it.",
		Example: "  postseal generate dkim example.com\n  postseal generate dkim example.com --type both --key-dir /etc/dkim\n" +
			"  postseal generate dkim example.com --type both --key-format raw --format rspamd",
		Args: oneArg("domain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			gen, err = g.of(s, args[0])
			if err == nil {
				err = k.check(cmd)
			}
			if err != nil {
				return err
			}
			ctx, w, done, err := net.begin(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			if selector != "" {
				if selector, err = checkSelector("--selector", selector); err != nil {
					return err
				}
			}
			// A type that is refused needs no look-up.
			if _, err := dkim.KeyBits(k.keyType); k.keyType != "both" && err != nil {
				return gen.refused(err)
			}
			plan, err := gen.choose(ctx, w, w.now(), &k, selector)
			if err != nil {
				return err
			}
			made, err := gen.keys(&k, plan)
			if err != nil {
				return err
			}
			keys = made.signing
			return made.orTakenAway(func() error {
				gen.see(ctx, w.run)
				return gen.finish()
			})
		},
	}
	g.addAsking(cmd, &net)
	fl := cmd.Flags()
	fl.StringVar(&k.keyType, "type", "rsa2048", "make keys of this `KIND`: rsa2048, rsa3072, rsa4096, ed25519 or both")
	fl.StringVar(&selector, "selector", "", "`SELECTOR` to publish the key at (default: of the month, such as s202611a)")
	fl.StringVar(&k.dir, "key-dir", ".", "`FOLDER` to write the private key to")
	k.add(cmd)
	complete(cmd, "type", "rsa2048", "rsa3072", "rsa4096", "ed25519", "both")
	return cmd
}

// choose finds the selectors for new keys. What is named and not free is
// refused; without a name it is the first letter of that month for which neither
// DNS nor the folder has anything.
func (g *generation) choose(ctx context.Context, w *world, at time.Time, k *keyFlags, named string) ([]keyPlan, error) {
	slots := map[string]dkim.Slot{}
	ask := func(selector string) dkim.Slot {
		slot, ok := slots[selector]
		if !ok {
			slot = dkim.AskSlot(ctx, w.run, g.domain, selector)
			slots[selector] = slot
		}
		return slot
	}
	selector := named
	if named == "" {
		var wildcard *dkim.Slot
		var ok bool
		selector, ok = dkim.FreeSelector(at, func(s string) bool {
			for _, p := range k.plan(s) {
				if _, err := os.Lstat(k.path(g.domain, p)); err == nil {
					return true
				}
				if slot := ask(p.selector); slot.Taken() {
					if slot.Wildcard {
						wildcard = &slot
						return false // every letter would be taken
					}
					return true
				}
			}
			return false
		})
		if wildcard != nil {
			return nil, g.judge([]check.GenProblem{*wildcard.Problem()})
		}
		if !ok {
			return nil, usage("every selector of the month is taken; name one with --selector")
		}
	}
	plan := k.plan(selector)
	var problems []check.GenProblem
	for _, p := range plan {
		if err := g.domain.Child(p.selector + "._domainkey").Check(); err != nil {
			return nil, usage("%s._domainkey.%s cannot be a name in DNS: %w", p.selector, g.domain, err)
		}
		slot := ask(p.selector)
		if p := slot.Problem(); p != nil {
			if p.Err != nil {
				p.Params["Cause"] = g.l.Cause(check.CauseOf(p.Err))
			}
			problems = append(problems, *p)
		}
	}
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return nil, err
	}
	return plan, g.judge(problems)
}

// madeKeys are keys whose files were written in this call.
type madeKeys struct {
	keys    []*dkim.PrivateKey
	signing []dkim.SigningKey
	paths   []string
	g       *generation
}

// orTakenAway runs what gives the user the records. When it fails, the files
// are removed again: nobody has their records.
func (m *madeKeys) orTakenAway(show func() error) error {
	err := show()
	if err != nil {
		for _, path := range m.paths {
			err = errors.Join(err, os.Remove(path))
		}
		return err
	}
	for _, path := range m.paths {
		m.g.note("gen.key-written", check.Params{"Path": path})
	}
	return nil
}

// keys makes and writes the keys and adds their records to the set. When one
// cannot be written, those written in this call are taken away again.
func (g *generation) keys(k *keyFlags, plan []keyPlan) (m *madeKeys, err error) {
	m = &madeKeys{g: g}
	var types []string
	defer func() {
		if err != nil {
			for _, path := range m.paths {
				err = errors.Join(err, os.Remove(path))
			}
		}
	}()
	for _, p := range plan {
		key, err := dkim.GenerateKey(p.keyType)
		if err != nil {
			return m, g.refused(err)
		}
		path := k.path(g.domain, p)
		data, err := key.PEM()
		if strings.HasSuffix(path, ".key") {
			data, err = key.Raw()
		}
		if err == nil {
			err = dkim.WriteNew(path, data)
		}
		if err != nil {
			return m, g.refused(err)
		}
		m.paths = append(m.paths, path)
		g.set.Files = append(g.set.Files, publish.File{Path: path, Mode: 0o600})
		text := key.Record(k.rec)
		if err := key.ReadBack(text); err != nil {
			return m, g.refused(err)
		}
		comment := ""
		if len(plan) > 1 {
			comment = g.l.Text("gen.dkim-both-"+keyAlgorithm(p.keyType), nil)
		}
		if err := g.txt(g.domain.Child(p.selector+"._domainkey"), text, "dkim", comment); err != nil {
			return m, err
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return m, usage("%w", err)
		}
		if g.flags.format == "opendkim" && strings.ContainsAny(abs, " \t:,;#\"") {
			return m, usage("OpenDKIM cannot read a key at %q: its KeyTable has no way to write this path", abs)
		}
		m.keys = append(m.keys, key)
		m.signing = append(m.signing, dkim.SigningKey{Selector: p.selector, Path: abs, Type: p.keyType})
		types = append(types, p.keyType)
	}
	return m, g.judge(dkim.Advice(types...))
}

func keyAlgorithm(keyType string) string {
	if strings.HasPrefix(keyType, "rsa") {
		return "rsa"
	}
	return keyType
}

// signer prints a signer's configuration. The record must be published first,
// and this is the only time that it is shown: it stands above as a comment.
func (g *generation) signer(w io.Writer, set *publish.Set, files []dkim.ConfigFile, leftOut bool) error {
	var b strings.Builder
	var zone strings.Builder
	if err := publish.Zone(&zone, set); err != nil {
		return err
	}
	say := func(id string, params check.Params) {
		for line := range strings.Lines(g.l.Text("gen."+id, params)) {
			b.WriteString("# " + strings.TrimRight(line, "\n") + "\n")
		}
	}
	say("signer-publish", nil)
	for line := range strings.Lines(zone.String()) {
		b.WriteString("# " + line)
	}
	var paths []string
	for _, f := range set.Files {
		paths = append(paths, f.Path)
	}
	say("signer-keys-"+g.flags.format, check.Params{"Paths": strings.Join(paths, " ")})
	if slices.ContainsFunc(set.Records, func(r publish.Record) bool { return strings.Contains(r.Value, "k=ed25519") }) {
		say("signer-ed25519-"+g.flags.format, nil)
	}
	if leftOut {
		say("signer-left-out", nil)
	}
	for _, f := range files {
		b.WriteString("\n")
		say("signer-"+f.ID, check.Params{"Path": f.Path})
		b.WriteString(f.Text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

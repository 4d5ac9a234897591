package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// maxMessage is the largest message that is read: what mail hosts commonly take.
const maxMessage = 64 << 20

// matchDocument is what 'dkim match' answers.
type matchDocument struct {
	SchemaVersion int           `json:"schema_version"`
	Domain        string        `json:"domain"`
	Keys          []matchEntry  `json:"keys"`
	Skipped       []skippedFile `json:"skipped"` // of a folder: files that hold no DKIM private key of the domain
	Warnings      []string      `json:"warnings"`
}

type matchEntry struct {
	*dkim.Match
	Cause string `json:"cause"` // why it is unknown, "" otherwise
}

type skippedFile struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
}

func newDKIMMatchCmd(s *streams) *cobra.Command {
	var (
		look              lookFlags
		net               netFlags
		keys              []string
		selector, message string
	)
	cmd := &cobra.Command{
		Use:   "match --key FILE|FOLDER [--selector NAME] DOMAIN",
		Short: "Say whether a private key is the one that DNS publishes",
		Long: "Reads PEM keys (PKCS#8, PKCS#1), and Ed25519 keys in base64 as rspamd keeps them; of a folder every *.pem,\n" +
			"*.key and *.private. The selector is read from the file's name (DOMAIN.SELECTOR.pem, DOMAIN.SELECTOR.key,\n" +
			"SELECTOR.private); where that does not tell it, or SELECTOR.private is not there, the\n" +
			"selectors that can be guessed are searched for the key.\n" +
			"With --message, the message's signatures are checked with the public half of the key. No key is ever printed.\n\n" +
			"Exit codes: 0 every key matches; 1 one does not (another key, revoked, malformed, not published, or not the\n" +
			"one that signed the message); 2 usage, or a file that holds no DKIM private key; 3 it could not be told.",
		Example: "  postseal dkim match --key keys/example.com.s202611a.pem example.com\n" +
			"  postseal dkim match --key keys --format json example.com\n" +
			"  postseal dkim match --key keys/s1.private --selector s1 --message m.eml example.com",
		Args: oneArg("domain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := look.words()
			if err != nil {
				return err
			}
			domain, err := parseDomain(args[0])
			if err != nil {
				return usage("%w", err)
			}
			m := &dkim.Matcher{Domain: domain}
			if selector != "" {
				if m.Selector, err = checkSelector("--selector", selector); err != nil {
					return err
				}
			}
			doc := &matchDocument{SchemaVersion: 1, Domain: domain.String(), Keys: []matchEntry{}, Skipped: []skippedFile{}, Warnings: []string{}}
			files, err := doc.files(m, keys, l)
			if err != nil {
				return err
			}
			if message != "" {
				if m.Message, err = readMessage(message); err != nil {
					return err
				}
			}
			ctx, w, done, err := net.begin(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			m.Resolver = w.run
			for _, f := range files {
				found, err := m.Match(ctx, f)
				if cmd.Context().Err() != nil {
					return cmd.Context().Err()
				}
				if err != nil { // --timeout: what was not answered is unknown
					found.Verdict, found.Cause = dkim.MatchUnknown, &check.Cause{Code: "key-timeout", Params: check.Params{"Timeout": net.timeout.String()}}
				}
				e := matchEntry{Match: found}
				if found.Cause != nil {
					e.Cause = l.Cause(*found.Cause)
				}
				if found.OpenToAll {
					doc.Warnings = append(doc.Warnings, l.Text("dkim-match.open", check.Params{"Path": f.Path, "Mode": fmt.Sprintf("%04o", f.Mode.Perm())}))
				}
				doc.Keys = append(doc.Keys, e)
			}
			if err := doc.write(s, look.format, l); err != nil {
				return err
			}
			return doc.exit(l)
		},
	}
	net.addDNS(cmd)
	fl := cmd.Flags()
	fl.StringArrayVar(&keys, "key", nil, "private key `FILE`, or a folder of them (needed, repeatable)")
	fl.StringVar(&selector, "selector", "", "`NAME` at which the key is published (default: from the file's name, else searched)")
	fl.StringVar(&message, "message", "", "`FILE` with a message that the key should have signed")
	look.add(cmd)
	return cmd
}

// files reads the keys. A file that the user named and that is none is an error;
// in a folder there may be anything.
func (d *matchDocument) files(m *dkim.Matcher, paths []string, l *locale.Localizer) ([]dkim.KeyFile, error) {
	if len(paths) == 0 {
		return nil, usage("--key is needed: a private key, or a folder of them")
	}
	var files []dkim.KeyFile
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() {
			f := dkim.ReadKeyFile(path)
			if f.Err != nil {
				return nil, usage("--key: %s", l.Cause(check.CauseOf(f.Err)))
			}
			files = append(files, f)
			continue
		}
		folder, err := dkim.ReadKeyFolder(path)
		if err != nil {
			return nil, usage("--key: %s", l.Cause(check.CauseOf(err)))
		}
		kept := 0
		for _, f := range folder {
			_, foreign := dkim.SelectorOf(f.Path, m.Domain)
			switch {
			case foreign && m.Selector == "":
				d.Skipped = append(d.Skipped, skippedFile{f.Path, l.Text("dkim-match.foreign", nil)})
			case f.Err != nil && slices.Contains(noKeys, f.Err.Kind):
				d.Skipped = append(d.Skipped, skippedFile{f.Path, l.Cause(check.CauseOf(f.Err))})
			default:
				files = append(files, f)
				kept++
			}
		}
		if kept == 0 {
			return nil, usage("--key: %s", l.Text("dkim-match.no-keys", check.Params{"Path": path, "Domain": d.Domain}))
		}
	}
	return files, nil
}

// noKeys are the kinds of file that stand beside keys and are none.
var noKeys = []string{dkim.KeyNone, dkim.KeyEmpty, dkim.KeyPublic, dkim.KeyCertificate, dkim.KeyRecord, dkim.KeyEC, dkim.KeyOther, dkim.KeyNoFile}

func readMessage(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usage("--message: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, usage("--message: %s is a folder", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxMessage+1))
	switch {
	case err != nil:
		return nil, usage("--message: %w", err)
	case len(data) > maxMessage:
		return nil, usage("--message: %s has more than %d MiB", path, maxMessage>>20)
	case len(data) == 0:
		return nil, usage("--message: %s is empty", path)
	}
	return data, nil
}

func (d *matchDocument) write(s *streams, format string, l *locale.Localizer) error {
	if format == "json" {
		return report.EncodeJSON(s.out, d)
	}
	for _, warning := range d.Warnings {
		fmt.Fprintf(s.err, "postseal: %s\n", report.Escape(warning))
	}
	var b strings.Builder
	for i, e := range d.Keys {
		if i > 0 {
			b.WriteByte('\n')
		}
		e.text(&b, s.columns(), d.Domain, l)
	}
	for i, f := range d.Skipped {
		if i == 0 {
			fmt.Fprintf(&b, "\n%s\n", l.Text("dkim-match.skipped", nil))
		}
		b.WriteString(paragraph(s.columns(), "  ", report.Escape(f.File+": "+f.Reason)))
	}
	_, err := io.WriteString(s.out, b.String())
	return err
}

// text writes one key: the verdict, then what it rests on.
func (e *matchEntry) text(b *strings.Builder, width int, domain string, l *locale.Localizer) {
	line := func(id string, p check.Params) {
		b.WriteString(paragraph(width, "  ", report.Escape(l.Text("dkim-match."+id, p))))
	}
	params := check.Params{"Name": e.Name.String(), "Domain": domain, "Cause": e.Cause, "Target": e.CNAME.String()}
	fmt.Fprintf(b, "%s\n", report.Escape(e.File))
	id := string(e.Verdict)
	if e.Several {
		id += "-several"
	}
	line(id, params)
	if e.CNAME != "" {
		line("alias", params)
	}
	if e.SelectorBy == dkim.SelectorSearch {
		line("searched", params)
	}
	if e.Weak {
		line("weak", params)
	}
	if e.Testing {
		line("testing", params)
	}
	if e.KeyType != "" {
		line("own", check.Params{"Type": e.KeyType})
		fmt.Fprintf(b, "    %s\n", e.Fingerprint)
	}
	if e.Published != "" && e.Published != e.Fingerprint {
		line("published", nil)
		fmt.Fprintf(b, "    %s\n", e.Published)
	}
	if e.Message == "" {
		return
	}
	if len(e.Signatures) == 0 {
		line("message-none", params)
	}
	for _, sig := range e.Signatures {
		line("message-"+string(sig.Result), check.Params{"Selector": sig.Selector, "Detail": sig.Detail})
	}
}

// exit is 1 where a key is surely not the published one, else 3 where nothing
// could be told. Of several keys one has signed the message.
func (d *matchDocument) exit(l *locale.Localizer) error {
	count := map[dkim.Verdict]int{}
	said := map[dkim.Verdict]bool{}
	for _, e := range d.Keys {
		count[e.Verdict]++
		said[e.Message] = true
	}
	unknown := count[dkim.MatchUnknown]
	wrong := len(d.Keys) - count[dkim.Matched] - unknown
	code, id := exitOK, ""
	switch {
	case wrong > 0:
		code, id = exitFindings, "exit-wrong"
	case !said[""] && !said[dkim.Matched] && !said[dkim.MatchUnknown]:
		code, id = exitFindings, "exit-message"
	case unknown > 0, !said[""] && !said[dkim.Matched]:
		code, id = exitIncomplete, "exit-unknown"
	default:
		return nil
	}
	return &exit{code, errors.New(l.Text("dkim-match."+id, check.Params{"N": wrong, "Of": len(d.Keys)}))}
}

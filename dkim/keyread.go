package dkim

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postseal/postseal/dns"
)

// What keeps a file from being a DKIM private key.
const (
	KeyMissing     = "missing"     // there is no such file
	KeyUnreadable  = "unreadable"  // it cannot be opened or read
	KeyNoFile      = "no-file"     // a folder, a pipe, a device
	KeyTooBig      = "too-big"     // more than any key takes
	KeyEmpty       = "empty"       //
	KeyNone        = "none"        // nothing in it looks like a key
	KeyDamaged     = "damaged"     // a private key that cannot be decoded
	KeyEncrypted   = "encrypted"   // with a passphrase
	KeyPublic      = "public"      // the public half
	KeyCertificate = "certificate" // or a request for one
	KeyEC          = "ec"          // ECDSA, which DKIM does not have
	KeyOpenSSH     = "openssh"     // in the form of ssh-keygen
	KeyOther       = "other"       // of another algorithm
	KeyRecord      = "record"      // the text of the DNS record
)

// KeyError says why there is no DKIM key. It never repeats what was read.
type KeyError struct {
	Path string // "" where no file is involved
	Kind string // one of the constants
	Err  error  // what the system said, nil for none
}

func (e *KeyError) Error() string {
	s := "dkim: no private key could be read: " + e.Kind
	if e.Path != "" {
		s = fmt.Sprintf("dkim: %q holds no private key that could be read: %s", e.Path, e.Kind)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *KeyError) Unwrap() error { return e.Err }

// CauseCode and CauseParams let a KeyError be shown as the cause of an unknown.
func (e *KeyError) CauseCode() string { return "key-" + e.Kind }

// CauseParams are Path and, where the system said something, Detail.
func (e *KeyError) CauseParams() map[string]any {
	detail := ""
	if p, ok := errors.AsType[*fs.PathError](e.Err); ok {
		detail = p.Err.Error()
	}
	return map[string]any{"Path": e.Path, "Detail": detail}
}

// ParsePrivateKey reads a private key: PEM with PKCS#8 or PKCS#1 in it, the same
// without armour, or an Ed25519 seed or key in base64, as rspamd keeps it. The
// error is a *KeyError.
func ParsePrivateKey(data []byte) (*PrivateKey, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, &KeyError{Kind: KeyEmpty}
	}
	if !bytes.Contains(data, []byte("-----BEGIN")) {
		return parseBare(data)
	}
	kind := KeyDamaged
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, &KeyError{Kind: kind}
		}
		switch t := block.Type; {
		case t == "ENCRYPTED PRIVATE KEY", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return nil, &KeyError{Kind: KeyEncrypted}
		case t == "PRIVATE KEY", t == "RSA PRIVATE KEY":
			return parseDER(block.Bytes)
		case t == "EC PRIVATE KEY", t == "EC PARAMETERS":
			kind = KeyEC
		case t == "OPENSSH PRIVATE KEY":
			kind = KeyOpenSSH
		case strings.HasSuffix(t, "PUBLIC KEY"):
			kind = KeyPublic
		case strings.Contains(t, "CERTIFICATE"):
			kind = KeyCertificate // a key may follow it
		case strings.HasSuffix(t, "PRIVATE KEY"):
			kind = KeyOther
		}
	}
}

// parseDER reads PKCS#8 or PKCS#1, whatever the armour called it.
func parseDER(der []byte) (*PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		var rsaKey *rsa.PrivateKey
		if rsaKey, err = x509.ParsePKCS1PrivateKey(der); err != nil {
			// What the parser says could hold parts of the key.
			return nil, &KeyError{Kind: KeyDamaged}
		}
		key = rsaKey
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return &PrivateKey{fmt.Sprintf("rsa%d", key.N.BitLen()), key}, nil
	case ed25519.PrivateKey:
		return &PrivateKey{"ed25519", key}, nil
	case *ecdsa.PrivateKey:
		return nil, &KeyError{Kind: KeyEC}
	}
	return nil, &KeyError{Kind: KeyOther}
}

// parseBare reads a key without armour.
func parseBare(data []byte) (*PrivateKey, error) {
	if data[0] == 0x30 && len(data) > 1 && data[1] >= 0x80 { // DER itself, not the digit 0
		return parseDER(data)
	}
	text := strings.Join(strings.Fields(string(data)), "")
	if strings.Contains(text, "p=") && strings.Contains(strings.ToUpper(text), "DKIM1") {
		return nil, &KeyError{Kind: KeyRecord}
	}
	if strings.HasPrefix(text, "ssh-") {
		return nil, &KeyError{Kind: KeyPublic}
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, &KeyError{Kind: KeyNone}
	}
	switch {
	case len(raw) == ed25519.SeedSize:
		return &PrivateKey{"ed25519", ed25519.NewKeyFromSeed(raw)}, nil
	case len(raw) == ed25519.PrivateKeySize:
		key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
		if !bytes.Equal(key, raw) {
			return nil, &KeyError{Kind: KeyDamaged} // its public half is another key's
		}
		return &PrivateKey{"ed25519", key}, nil
	case len(raw) > 0 && raw[0] == 0x30:
		if s, ok := inspect(raw); ok && s.form == formSPKI {
			return nil, &KeyError{Kind: KeyPublic}
		}
		return parseDER(raw)
	}
	return nil, &KeyError{Kind: KeyNone}
}

const (
	maxKeyFile  = 64 << 10 // an RSA key of 16,384 bits takes 13 KiB
	maxKeyFiles = 1000     // of one folder
)

// KeyFile is a file and the key in it.
type KeyFile struct {
	Path string
	Mode fs.FileMode
	Key  *PrivateKey // nil where Err says why
	Err  *KeyError
}

// openToAll tells whether every user of the machine can read the file.
func (f *KeyFile) openToAll() bool { return f.Mode.Perm()&0o007 != 0 && openMeansOpen }

// ReadKeyFile reads one file.
func ReadKeyFile(path string) KeyFile {
	f := KeyFile{Path: path}
	data, err := f.read()
	if err == nil {
		f.Key, err = ParsePrivateKey(data)
	}
	if err != nil {
		e, ok := errors.AsType[*KeyError](err)
		if !ok {
			e = &KeyError{Kind: KeyUnreadable, Err: err}
			if errors.Is(err, fs.ErrNotExist) {
				e.Kind = KeyMissing
			}
		}
		e.Path = path
		f.Err = e
	}
	return f
}

func (f *KeyFile) read() ([]byte, error) {
	// Not to be opened unseen: a pipe would wait for a writer.
	info, err := os.Stat(f.Path)
	if err != nil {
		return nil, err
	}
	if f.Mode = info.Mode(); !f.Mode.IsRegular() {
		return nil, &KeyError{Kind: KeyNoFile}
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err == nil && len(data) > maxKeyFile {
		err = &KeyError{Kind: KeyTooBig}
	}
	return data, err
}

// keyEndings are how files with private keys end: ours and OpenSSL's, rspamd's,
// opendkim-genkey's.
var keyEndings = []string{".pem", ".key", ".private"}

// ReadKeyFolder reads every file of a folder that is called as key files are, in
// the order of their names.
func ReadKeyFolder(path string) ([]KeyFile, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, &KeyError{Path: path, Kind: KeyUnreadable, Err: err}
	}
	var files []KeyFile
	for _, e := range entries {
		if e.IsDir() || !slices.Contains(keyEndings, filepath.Ext(e.Name())) {
			continue
		}
		if len(files) == maxKeyFiles {
			return nil, &KeyError{Path: path, Kind: KeyTooBig}
		}
		files = append(files, ReadKeyFile(filepath.Join(path, e.Name())))
	}
	return files, nil
}

// SelectorOf reads the selector from the name of a key file: DOMAIN.SELECTOR.pem
// as we write it, DOMAIN.SELECTOR.key as rspamd does, SELECTOR.private as
// opendkim-genkey does. "" means that the name does not tell; foreign, that the
// file is called after another domain.
func SelectorOf(path string, domain dns.Name) (selector string, foreign bool) {
	base := strings.ToLower(filepath.Base(path))
	ending := filepath.Ext(base)
	stem := strings.TrimSuffix(base, ending)
	if rest, ok := strings.CutPrefix(stem, domain.String()+"."); ok && rest != "" {
		return rest, false
	}
	switch {
	case ending == ".private":
		return stem, false
	case slices.Contains(keyEndings, ending) && strings.Count(stem, ".") >= 2:
		return "", true
	}
	return "", false
}

package dkim

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
)

// WeakKeys is a list of keys whose private halves anybody can have: above all
// those that Debian's OpenSSL made from 2006 to 2008 (CVE-2008-0166). It is the
// block list of badkeys, blocklist.dat: sorted entries of 16 octets, the first
// 15 of a SHA-256 and one that names the collection. Hashed is the modulus of an
// RSA key and the 32 octets of an Ed25519 key, in both without leading zeros.
//
// The list is large and grows, so none comes with this package: a file is read
// where it lies, one entry at a time. A WeakKeys is safe for concurrent use.
type WeakKeys struct {
	Name    string // of the file, without its folder
	Entries int

	r     io.ReaderAt
	close func() error
}

const (
	weakEntry   = 16
	weakHash    = 15
	maxWeakFile = 1 << 30 // octets: some sixteen times the list of 2026
)

// weakLists name the collections of the list by their number, as its maker
// publishes them.
var weakLists = map[byte]string{
	debianList: "debianssl", 2: "keypair", 3: "ransomware", 4: "documentation", 5: "firmware", 6: "localhostcert",
	7: "localroot", 8: "misc", 9: "rfc", 10: "softwaretests", 11: "testvectors", 12: "web", 13: "git", 99: "new",
}

// debianList is the collection of CVE-2008-0166.
const debianList = 1

// OpenWeakKeys opens a list. A file that is no such list is refused: a search
// in it would find nothing and say so.
func OpenWeakKeys(path string) (*WeakKeys, error) {
	// Opening a pipe would wait for whoever writes into it.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("dkim: list of weak keys %q: it is no plain file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("dkim: list of weak keys: %w", err)
	}
	w, err := newWeakKeys(f, filepath.Base(path))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("dkim: list of weak keys %q: %w", path, err)
	}
	w.close = f.Close
	return w, nil
}

func newWeakKeys(f *os.File, name string) (*WeakKeys, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	head := make([]byte, 6)
	n, _ := f.ReadAt(head, 0)
	switch {
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no plain file")
	case n == 6 && bytes.Equal(head, []byte("\xFD7zXZ\x00")):
		return nil, errors.New("it is compressed: unpack it with unxz")
	case size == 0, size%weakEntry != 0:
		return nil, fmt.Errorf("%d octets are no entries of %d", size, weakEntry)
	case size > maxWeakFile:
		return nil, fmt.Errorf("it has more than %d octets", maxWeakFile)
	}
	// A search by halves needs the order, and a file of another kind does not have it.
	in := bufio.NewReaderSize(io.NewSectionReader(f, 0, size), 1<<16)
	var last, entry [weakEntry]byte
	for i := range size / weakEntry {
		if _, err := io.ReadFull(in, entry[:]); err != nil {
			return nil, err
		}
		if bytes.Compare(last[:], entry[:]) > 0 {
			return nil, fmt.Errorf("entry %d is not in order: it is no block list of badkeys", i+1)
		}
		last = entry
	}
	return &WeakKeys{Name: name, Entries: int(size / weakEntry), r: f}, nil
}

// Close closes the file of the list.
func (w *WeakKeys) Close() error {
	if w == nil || w.close == nil {
		return nil
	}
	return w.close()
}

// find gives the number of the collection that has the key; false where none has.
func (w *WeakKeys) find(k *Key) (list byte, ok bool, err error) {
	octets := k.modulus
	if octets == nil {
		octets = bytes.TrimLeft(k.Point, "\x00")
	}
	if len(octets) == 0 {
		return 0, false, nil
	}
	sum := sha256.Sum256(octets)
	want := sum[:weakHash]
	var entry [weakEntry]byte
	read := func(i int) bool {
		if err == nil {
			_, err = w.r.ReadAt(entry[:], int64(i)*weakEntry)
		}
		return err == nil
	}
	i := sort.Search(w.Entries, func(i int) bool { return read(i) && bytes.Compare(entry[:weakHash], want) >= 0 })
	if err != nil {
		return 0, false, fmt.Errorf("dkim: list of weak keys %q: %w", w.Name, err)
	}
	if i == w.Entries || !read(i) || !bytes.Equal(entry[:weakHash], want) {
		return 0, false, err
	}
	return entry[weakEntry-1], true, nil
}

// weakListName is how the list's maker calls a collection.
func weakListName(list byte) string {
	if name, ok := weakLists[list]; ok {
		return name
	}
	return fmt.Sprintf("%d", list)
}

package dkim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/postseal/postseal/check"
)

// WriteNew writes a private key in one of its forms to a new file that only its
// owner can read, in a folder that is made (mode 0700) where it does not exist. It never
// overwrites: whatever stands at the path, a dangling link too, is the
// *check.GenProblem "gen-file-exists". A file that cannot be finished is removed again.
func WriteNew(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("dkim: making the folder of %q: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|noFollow, 0o600)
	if errors.Is(err, fs.ErrExist) || isLinkLoop(err) {
		return refusal("gen-file-exists", check.Params{"Path": path}, err)
	}
	if err != nil {
		return fmt.Errorf("dkim: writing the private key: %w", err)
	}
	defer func() {
		if err != nil {
			// The file is ours: O_EXCL made it. Half a key must not stay.
			f.Close()
			os.Remove(path)
		}
	}()
	if err := checkMode(f, path); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("dkim: writing the private key: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("dkim: writing the private key: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("dkim: writing the private key: %w", err)
	}
	syncDir(dir)
	return nil
}

//go:build unix

package dkim

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/postseal/postseal/check"
)

const (
	noFollow      = syscall.O_NOFOLLOW
	openMeansOpen = true // mode bits say who reads
)

// isLinkLoop is how open refuses a symbolic link under O_NOFOLLOW.
func isLinkLoop(err error) bool { return errors.Is(err, syscall.ELOOP) }

// checkMode refuses a file that others can read: a default ACL or an odd file
// system can give more than open was asked for.
func checkMode(f *os.File, path string) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("dkim: checking the mode of %q: %w", path, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return refusal("gen-file-mode", check.Params{"Path": path, "Mode": fmt.Sprintf("%04o", mode)}, nil)
	}
	return nil
}

// syncDir makes the new name survive a crash. File systems that cannot are no
// reason to fail: the key itself is on disk.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}

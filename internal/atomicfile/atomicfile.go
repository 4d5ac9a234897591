// Package atomicfile writes files whole or not at all: a full disk or an
// interrupted run leaves what was there before.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write has write fill a temporary file in the folder of path, makes it durable
// and puts it in place of path. On any error path is as it was, and no
// temporary file stays. A new file gets mode less the umask; an existing one
// keeps its own. A link is followed. What is not a regular file (a device, a
// pipe) cannot be replaced and is written to as it is.
func Write(path string, mode fs.FileMode, write func(*os.File) error) error {
	target, old, err := resolve(path)
	if err != nil {
		return err
	}
	if old != nil && !old.Mode().IsRegular() {
		return through(target, write)
	}
	f, err := create(target, mode)
	if err != nil {
		return err
	}
	err = write(f)
	if old != nil {
		err = errors.Join(err, f.Chmod(old.Mode().Perm()))
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), target)
	}
	if err != nil {
		return errors.Join(named(err, path), remove(f.Name()))
	}
	return nil
}

// Check tells early why Write would not get to write: the folder is missing,
// path is a folder, or this user may not.
func Check(path string) error {
	target, old, err := resolve(path)
	if err != nil {
		return err
	}
	if old != nil && !old.Mode().IsRegular() {
		return nil // the reader of a pipe would take a trial for the end
	}
	if old != nil {
		// Also where the folder would allow it, a file that is protected against
		// writing is not replaced.
		f, err := os.OpenFile(target, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	f, err := create(target, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), remove(f.Name()))
}

// resolve gives the file behind path and what is there now, nil for nothing.
func resolve(path string) (target string, old fs.FileInfo, err error) {
	old, err = os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		to, notLink := os.Readlink(path)
		if notLink != nil {
			return path, nil, nil
		}
		// A link that leads nowhere yet stays one: what it leads to is made. One
		// that leads to itself had another error.
		if !filepath.IsAbs(to) {
			to = filepath.Dir(path) + string(filepath.Separator) + to // not cleaned: ".." after a link is the system's to follow
		}
		return resolve(to)
	case err != nil:
		return "", nil, err
	case old.IsDir():
		return "", nil, fmt.Errorf("%s is a folder", path)
	case !old.Mode().IsRegular():
		return path, old, nil // what /dev/stdout leads to may have no name
	}
	target, err = filepath.EvalSymlinks(path)
	return target, old, err
}

// create makes a new file beside target. os.CreateTemp would not heed the umask.
func create(target string, mode fs.FileMode) (*os.File, error) {
	temp := filepath.Join(filepath.Dir(target), "."+rand.Text()[:12]+".tmp")
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, named(err, target)
	}
	return f, nil
}

// named names the file that the user named in an error about the temporary one.
func named(err error, path string) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return fmt.Errorf("writing %s: %w", path, err)
}

func through(path string, write func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return named(err, path)
	}
	return nil
}

// remove tells only of a temporary file that could not be taken away.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

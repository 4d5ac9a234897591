//go:build !unix

package dkim

import "os"

// Windows has neither O_NOFOLLOW nor modes: O_EXCL keeps files safe from being
// overwritten, and who can read a new one is the folder's ACL to say.
const (
	noFollow      = 0
	openMeansOpen = false
)

func isLinkLoop(error) bool            { return false }
func checkMode(*os.File, string) error { return nil }
func syncDir(string)                   {}

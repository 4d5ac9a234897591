//go:build race

package aggregate

func init() { slow = true }

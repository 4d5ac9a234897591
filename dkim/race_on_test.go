//go:build race

package dkim

// mostAllocated is more under the race detector, which keeps strings on the
// heap that otherwise never get there.
const mostAllocated = 256 << 20

//go:build !race

package dkim

// mostAllocated is what reading one hostile record may allocate, in octets.
const mostAllocated = 64 << 20

package main

import (
	"context"
	"io"
)

// stdin ends a read when the call is interrupted: who waits for a line on a
// terminal or for a pipe that stays silent must not press Ctrl-C twice.
type stdin struct {
	ctx context.Context
	r   io.Reader
}

// Read gives what was read, or the context's error. What arrives later is lost,
// but after an interrupt nobody would have used it.
func (s *stdin) Read(p []byte) (int, error) {
	type result struct {
		text []byte
		err  error
	}
	// The reader gets a buffer of its own, because it may still be at work when
	// the caller has p back.
	buf := make([]byte, min(len(p), 64<<10))
	done := make(chan result, 1)
	go func() {
		n, err := s.r.Read(buf)
		done <- result{buf[:n], err}
	}()
	select {
	case got := <-done:
		return copy(p, got.text), got.err
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

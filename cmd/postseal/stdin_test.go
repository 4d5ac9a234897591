package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

// TestInterruptStandardInput: one Ctrl-C ends a call that waits for its input.
func TestInterruptStandardInput(t *testing.T) {
	for _, args := range [][]string{{"audit", "--no-config", "--offline", "-f", "-"}, {"session", "-"}, {"message", "-"}, {"render", "-"}} {
		silent, writer := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var out, errs bytes.Buffer
		if code := run(ctx, args, silent, &out, &errs); code != exitInterrupted {
			t.Errorf("%s: got exit code %d, want %d: %s", strings.Join(args, " "), code, exitInterrupted, errs.String())
		}
		writer.Close()
	}
}

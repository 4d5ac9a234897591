package main

import (
	"os"
	"path/filepath"
	"testing"
)

// dmarcReport is an aggregate report about example.com.
func dmarcReport(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "dmarc", "aggregate", "testdata", "reports", "rfc9990.xml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

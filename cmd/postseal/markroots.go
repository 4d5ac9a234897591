package main

import (
	"crypto/x509"
	"io"
	"os"
)

// maxRoots bounds a file of root certificates.
const maxRoots = 4 << 20

// loadMarkRoots reads the roots that the user trusts for mark certificates.
// They are not those of the web, so the system's are not among them.
func loadMarkRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, usage("--bimi-ca: %w", err)
	}
	defer file.Close()
	pem, err := io.ReadAll(io.LimitReader(file, maxRoots+1))
	if err != nil {
		return nil, usage("--bimi-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if len(pem) > maxRoots || !pool.AppendCertsFromPEM(pem) {
		return nil, usage("--bimi-ca: %s holds no certificate in PEM form", path)
	}
	return pool, nil
}

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// bimiLogo keeps to the profile SVG Tiny PS.
const bimiLogo = `<svg xmlns="http://www.w3.org/2000/svg" version="1.2" baseProfile="tiny-ps" width="400" height="400" viewBox="0 0 400 400">
<title>Example</title>
<rect width="400" height="400" fill="#036"/>
<circle cx="200" cy="200" r="120" fill="#fff"/>
</svg>
`

// bimiFiles are what 'generate bimi' meets: a world, and a logo with a script.
func bimiFiles(t *testing.T) map[string]string {
	paths := map[string]string{}
	for name, data := range map[string]string{
		"zone": "$ORIGIN .\n$TTL 60\n@ SOA ns root 1 2 3 4 5\nexample.com TXT \"v=spf1 -all\"\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n" +
			"default._bimi.example.com TXT \"v=BIMI1; l=; a=;\"\n" +
			"missing.test TXT \"x\"\n_dmarc.none.test TXT \"v=DMARC1; p=none\"\n_dmarc.sub.test TXT \"v=DMARC1; p=reject; sp=none\"\n" +
			"_dmarc.pct.test TXT \"v=DMARC1; p=quarantine; pct=50\"\n_dmarc.testing.test TXT \"v=DMARC1; p=reject; t=y\"\n" +
			"off.test A 127.0.0.2\n",
		"bad": `<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`,
	} {
		paths[name] = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(paths[name], []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

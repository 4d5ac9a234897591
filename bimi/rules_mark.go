package bimi

import "github.com/postseal/postseal/check"

// Rules over the mark certificate, VMC or CMC.
var markRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "bimi-vmc-fetch", Standard: check.BIMI, Severity: check.Warning,
			Variants: []check.Variant{{Name: "name", Severity: check.Warning}, {Name: "special-address", Severity: check.Warning}, {Name: "connect", Severity: check.Warning}, {Name: "tls", Severity: check.Warning}, {Name: "http", Severity: check.Warning}, {Name: "status", Severity: check.Warning}, {Name: "too-large", Severity: check.Warning}, {Name: "redirect", Severity: check.Warning}},
			Title:    "the mark certificate cannot be fetched", Refs: []check.Ref{markDraft},
			Doc: `Receivers that want a certificate fetch it from the address in ` + "`" + `a` + "`" + ` and show no logo without it. It must be there
for everybody over HTTPS with a trusted certificate and status 200.

    before: https://example.com/mark.pem -> 404
    after:  https://example.com/mark.pem -> 200`,
		},
		Applies: applies(stageMarkURL), Run: runMarkFetch,
	},
	{
		Meta: check.Meta{
			ID: "bimi-vmc-parse", Standard: check.BIMI, Severity: check.Warning,
			Variants: []check.Variant{{Name: "none", Severity: check.Warning}, {Name: "der", Severity: check.Warning}, {Name: "broken", Severity: check.Warning}, {Name: "order", Severity: check.Warning}},
			Title:    "the file at a is not a usable mark certificate", Refs: []check.Ref{markDraft},
			Doc: `The file must be PEM text with the mark certificate first and the intermediate certificates after it, down to
the last below the root. A binary certificate, a web page or the wrong order cannot be used.

    before: (intermediate, then leaf)
    after:  (leaf, then intermediate)`,
		},
		Applies: markFetched, Run: runMarkParse,
	},
	{
		Meta: check.Meta{
			ID: "bimi-vmc-untrusted", Standard: check.BIMI, Severity: check.Warning,
			Title: "the mark certificate does not chain to a root that you trust", Refs: []check.Ref{markDraft},
			Doc: `Mark certificates have roots of their own, not those of the web. The file with the roots that you trust is yours
to give (` + "`" + `--bimi-ca` + "`" + `); without it nothing is said about the chain. A chain that leads to none of them is
incomplete, or its issuer is not among them.

    before: (leaf alone)
    after:  (leaf, then intermediate)`,
		},
		Applies: applies(stageMark), Run: runUntrusted,
	},
	{
		Meta: check.Meta{
			ID: "bimi-vmc-expired", Standard: check.BIMI, Severity: check.Warning,
			Variants: []check.Variant{{Name: "soon", Severity: check.Warning}, {Name: "early", Severity: check.Warning}},
			Title:    "the mark certificate is not valid now or not for long", Refs: []check.Ref{check.RFC(5280, "4.1.2.5")},
			Doc: `Receivers refuse a mark certificate outside its time, and the logo disappears without a word. Issuing one takes
weeks, with checks of the trademark; renew it early.

    before: valid until 2026-11-01
    after:  valid until 2027-11-01`,
		},
		Applies: applies(stageMark), Run: runMarkExpired,
	},
	{
		Meta: check.Meta{
			ID: "bimi-vmc-eku", Standard: check.BIMI, Severity: check.Warning,
			Title: "the certificate is not one for marks", Refs: []check.Ref{markDraft},
			Doc: `A mark certificate says with the extended key usage 1.3.6.1.5.5.7.3.31 what it is for. One without it, such as
the certificate of a web server, proves no logo.

    before: Extended Key Usage: 1.3.6.1.5.5.7.3.1
    after:  Extended Key Usage: 1.3.6.1.5.5.7.3.31`,
		},
		Applies: applies(stageMark), Run: runEKU,
	},
	{
		Meta: check.Meta{
			ID: "bimi-vmc-domain", Standard: check.BIMI, Severity: check.Warning,
			Title: "the mark certificate is for another domain", Refs: []check.Ref{markDraft},
			Doc: `One of the certificate's names must be the domain, its organizational domain, or the name with the selector. A
certificate for another domain of the same company does not count.

    before: SAN: example.org
    after:  SAN: example.com`,
		},
		Applies: applies(stageMark), Run: runMarkDomain,
	},
	{
		Meta: check.Meta{
			ID: "bimi-vmc-logotype", Standard: check.BIMI, Severity: check.Warning,
			Variants: []check.Variant{{Name: "missing", Severity: check.Warning}, {Name: "no-svg", Severity: check.Warning}, {Name: "hash", Severity: check.Warning}},
			Title:    "the mark certificate contains no valid logo", Refs: []check.Ref{check.RFC(9399, "")},
			Doc: `The logo itself is in the certificate, in the logotype extension, with a hash. Without it, or with a hash that
does not fit, the certificate proves no logo. Only the issuer can mend that.

    before: (no logotype extension)
    after:  1.3.6.1.5.5.7.1.12: data:image/svg+xml;base64,…`,
		},
		Applies: applies(stageMark), Run: runLogotype,
	},
	{
		Meta: check.Meta{
			ID: "bimi-vmc-embedded-svg", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo in the mark certificate breaks the profile", Refs: []check.Ref{profile},
			Doc: `The certified logo is checked like the one that is served. What breaks the profile cannot be changed in a
certificate: let it be issued anew with a clean logo.

    before: (logo with a script in the certificate)
    after:  (reissued with a clean logo)`,
		},
		Applies: applies(stageMarkSVG), Run: runEmbedded,
	},
	{
		Meta: check.Meta{
			ID: "bimi-vmc-logo-differs", Standard: check.BIMI, Severity: check.Warning,
			Title: "the served logo is not the certified one", Refs: []check.Ref{markDraft},
			Doc: `The file at ` + "`" + `l` + "`" + ` and the logo in the certificate differ once both are unpacked. Receivers show the certified one,
or none. Serve the very file that the issuer certified.

    before: (l: new drawing; a: certificate with the old one)
    after:  (l: the file in the certificate)`,
		},
		Applies: applies(stageMarkSVG), Run: runDiffers,
	},
	{
		Meta: check.Meta{
			ID: "bimi-vmc-sct", Standard: check.BIMI, Severity: check.Warning,
			Title: "the mark certificate was not logged", Refs: []check.Ref{markDraft, check.RFC(6962, "3.3")},
			Doc: `Receivers such as Gmail want to see that a mark certificate stands in a public log, shown by timestamps in the
certificate. Their signatures are not checked here. Only the issuer can add them.

    before: (no 1.3.6.1.4.1.11129.2.4.2)
    after:  1.3.6.1.4.1.11129.2.4.2: signed certificate timestamps`,
		},
		Applies: applies(stageMark), Run: runSCT,
	},
	{
		Meta: check.Meta{
			ID: "bimi-vmc-mark-type", Standard: check.BIMI, Severity: check.Info,
			Variants: []check.Variant{{Name: "vmc", Severity: check.Info}, {Name: "cmc", Severity: check.Info}},
			Title:    "what kind of mark certificate it is", Refs: []check.Ref{practice},
			Doc: `A Verified Mark Certificate (VMC) is for a registered or a government mark, a Common Mark Certificate (CMC) for
a logo in use. Apple Mail wants a VMC; Gmail takes both and adds a check mark for a VMC only. What each receiver
asks for changes; this was written in 2026.

    before: (CMC, mark type Prior Use Mark)
    after:  (VMC, mark type Registered Mark)`,
		},
		Applies: applies(stageMark), Run: runMarkType,
	},
}

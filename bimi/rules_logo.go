package bimi

import "github.com/postseal/postseal/check"

// Rules over the logo as it is served.
var logoRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "bimi-logo-fetch", Standard: check.BIMI, Severity: check.Warning,
			Variants: []check.Variant{{Name: "name", Severity: check.Warning}, {Name: "special-address", Severity: check.Warning}, {Name: "connect", Severity: check.Warning}, {Name: "tls", Severity: check.Warning}, {Name: "http", Severity: check.Warning}, {Name: "status", Severity: check.Warning}, {Name: "too-large", Severity: check.Warning}, {Name: "redirect", Severity: check.Warning}, {Name: "inflate", Severity: check.Warning}},
			Title:    "the logo cannot be fetched", Refs: []check.Ref{core},
			Doc: `Receivers fetch the logo when a message arrives, without a browser's cookies and from anywhere in the world. It
must be there for everybody over HTTPS with a trusted certificate and status 200. Networks that keep out clients
they do not know often answer 403; receivers are such clients, too.

    before: https://example.com/logo.svg -> 403
    after:  https://example.com/logo.svg -> 200, Content-Type: image/svg+xml`,
		},
		Applies: applies(stageLogoURL), Run: runLogoFetch,
	},
	{
		Meta: check.Meta{
			ID: "bimi-logo-redirect", Standard: check.BIMI, Severity: check.Notice,
			Title: "the logo's address redirects", Refs: []check.Ref{practice},
			Doc: `Some receivers follow no redirects when they fetch a logo, or only a few. Name the final address in the record;
then nobody has to.

    before: l=https://example.com/logo.svg -> 301 https://www.example.com/logo.svg
    after:  l=https://www.example.com/logo.svg`,
		},
		Applies: applies(stageResponse), Run: runLogoRedirect,
	},
	{
		Meta: check.Meta{
			ID: "bimi-logo-content-type", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo is not served as image/svg+xml", Refs: []check.Ref{practice},
			Doc: `Some receivers look at the media type first and refuse a file that is not ` + "`" + `image/svg+xml` + "`" + `, however good it is. A
web server that does not know the suffix sends ` + "`" + `application/octet-stream` + "`" + ` or ` + "`" + `text/plain` + "`" + `.

    before: Content-Type: text/plain
    after:  Content-Type: image/svg+xml`,
		},
		Applies: applies(stageResponse), Run: runContentType,
	},
	{
		Meta: check.Meta{
			ID: "bimi-logo-size", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo is larger than 32 KB", Refs: []check.Ref{profile},
			Doc: `The profile asks for at most 32 kilobytes uncompressed, and some receivers refuse larger files. Most of the size
is usually in paths with too many points or digits; simplify them and round the numbers.

    before: d="M10.123456,20.654321 C…"
    after:  d="M10.1,20.7 C…"`,
		},
		Applies: applies(stageLogo), Run: inLogo(stageLogo, "bimi-logo-size"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-logo-gzip", Standard: check.BIMI, Severity: check.Info,
			Title: "the logo is compressed", Refs: []check.Ref{core},
			Doc: `The file is an SVG packed with gzip (SVGZ). That is legal; both sizes are shown because limits count the
uncompressed one.

    before: l=https://example.com/logo.svg
    after:  l=https://example.com/logo.svgz`,
		},
		Applies: applies(stageLogo), Run: runGzip,
	},
}

package bimi

import "github.com/postseal/postseal/check"

// Rules over the logo's document: what makes it an SVG Tiny PS file.
var svgRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "bimi-svg-malformed", Standard: check.BIMI, Severity: check.Warning,
			Variants: []check.Variant{{Name: "limits", Severity: check.Warning}},
			Title:    "the logo is not well-formed XML", Refs: []check.Ref{profile},
			Doc: `The file cannot be parsed as XML, so receivers refuse it before they look at anything else. It may be a web page
in place of the file, or cut off. Export it again and open it in a browser.

    before: <svg …><path d="…"></svg>
    after:  <svg …><path d="…"/></svg>`,
		},
		Applies: applies(stageLogo), Run: inLogo(stageLogo, "bimi-svg-malformed"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-doctype", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo has a DOCTYPE", Refs: []check.Ref{profile},
			Doc: `A document type can declare entities that grow without end or load files from elsewhere, so validators refuse
it. Drawing programs add the line by habit; nothing needs it. Delete it with all that stands in its brackets.

    before: <!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" …>
    after:  <?xml version="1.0" encoding="UTF-8"?>`,
		},
		Applies: applies(stageLogo), Run: inLogo(stageLogo, "bimi-svg-doctype"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-pi", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo has a processing instruction", Refs: []check.Ref{profile},
			Doc: `Instructions such as ` + "`" + `xml-stylesheet` + "`" + ` pull in content from elsewhere. Only the XML declaration in the first line
is allowed; delete the others.

    before: <?xml-stylesheet href="style.css"?>
    after:  <?xml version="1.0" encoding="UTF-8"?>`,
		},
		Applies: applies(stageLogo), Run: inLogo(stageLogo, "bimi-svg-pi"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-root", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo is not an SVG document", Refs: []check.Ref{profile},
			Doc: `The outermost element must be ` + "`" + `svg` + "`" + ` in the namespace ` + "`" + `http://www.w3.org/2000/svg` + "`" + `. Without the namespace a
browser may still draw the file inside a page, but it is no SVG document. A web page that is served in place of
the file looks like this, too.

    before: <svg version="1.2" …>
    after:  <svg xmlns="http://www.w3.org/2000/svg" version="1.2" …>`,
		},
		Applies: applies(stageLogo), Run: inLogo(stageLogo, "bimi-svg-root"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-version", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo does not say version 1.2", Refs: []check.Ref{profile},
			Doc: `The profile is made from SVG Tiny 1.2, and the root must say so with ` + "`" + `version="1.2"` + "`" + `. Drawing programs write
1.1; changing the number alone is right only once the rest of the file keeps to the profile.

    before: version="1.1"
    after:  version="1.2"`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-version"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-baseprofile", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo does not say that it is SVG Tiny PS", Refs: []check.Ref{profile},
			Doc: `The root must carry ` + "`" + `baseProfile="tiny-ps"` + "`" + `, in this spelling; validators look for it first. It is a promise
that the file keeps to the profile, so add it when it does.

    before: baseProfile="tiny"
    after:  baseProfile="tiny-ps"`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-baseprofile"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-title", Standard: check.BIMI, Severity: check.Warning,
			Variants: []check.Variant{{Name: "missing", Severity: check.Warning}, {Name: "empty", Severity: check.Warning}, {Name: "twice", Severity: check.Warning}, {Name: "late", Severity: check.Warning}},
			Title:    "the logo lacks its one title", Refs: []check.Ref{profile},
			Doc: `One ` + "`" + `<title>` + "`" + ` with the name of the brand must be the first element inside the root. It is what people hear who
cannot see the logo. A title inside a group does not count.

    before: <svg …><rect …/></svg>
    after:  <svg …><title>Example</title><rect …/></svg>`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-title"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-title-long", Standard: check.BIMI, Severity: check.Notice,
			Title: "the logo's title is long", Refs: []check.Ref{profile},
			Doc: `The profile asks for a title of at most 64 characters. It should be the name of the brand; a sentence about the
picture belongs into ` + "`" + `<desc>` + "`" + `.

    before: <title>The official logo of Example, the leading maker of examples since 1987</title>
    after:  <title>Example</title>`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-title-long"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-title-placeholder", Standard: check.BIMI, Severity: check.Notice,
			Title: "the logo's title is a placeholder", Refs: []check.Ref{practice},
			Doc: `The title looks like what an export tool or a template put there. Screen readers read it aloud in place of the
brand's name.

    before: <title>bimi-svg-tiny-12-ps</title>
    after:  <title>Example</title>`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-title-placeholder"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-desc-empty", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo has an empty description", Refs: []check.Ref{profile},
			Doc: `A ` + "`" + `<desc>` + "`" + ` may be left out, but one that is there must say something. Fill it with a sentence about the logo or
remove it.

    before: <desc></desc>
    after:  <desc>A blue square with a white E</desc>`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-desc-empty"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-root-xy", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo's root has x or y", Refs: []check.Ref{profile},
			Doc: `The profile forbids ` + "`" + `x` + "`" + ` and ` + "`" + `y` + "`" + ` on the outermost element. Adobe Illustrator writes them as ` + "`" + `x="0px" y="0px"` + "`" + `;
they do nothing, so delete them.

    before: <svg x="0px" y="0px" …>
    after:  <svg …>`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-root-xy"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-viewbox", Standard: check.BIMI, Severity: check.Warning,
			Variants: []check.Variant{{Name: "missing", Severity: check.Warning}},
			Title:    "the logo has no usable viewBox", Refs: []check.Ref{profile},
			Doc: `The ` + "`" + `viewBox` + "`" + ` says which part of the drawing fills the square that a receiver shows. Without it, or with
something else than four numbers, the last two above zero, validators refuse the file or scale it wrongly.

    before: <svg width="400" height="400" …>
    after:  <svg width="400" height="400" viewBox="0 0 400 400" …>`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-viewbox"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-element", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo has elements that the profile does not allow", Refs: []check.Ref{profile},
			Doc: `Only elements that draw are allowed, each in its place: shapes, paths, groups, text, gradients and ` + "`" + `use` + "`" + `.
Scripts, links, pictures, animation, styles, filters and foreign content are not, because a logo must be safe to
show and look the same everywhere. Convert effects to paths and remove the rest.

    before: <style>.a{fill:red}</style>
    after:  <path fill="red" …/>`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-element"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-attribute", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo has attributes that the profile does not allow", Refs: []check.Ref{profile},
			Doc: `Event handlers, ` + "`" + `style` + "`" + `, ` + "`" + `class` + "`" + ` and attributes of editing programs are not in the profile, and validators
refuse the file for one of them. Say colours with attributes such as ` + "`" + `fill` + "`" + ` in place of styles, and export
without editing data.

    before: <rect style="fill:red"/>
    after:  <rect fill="red"/>`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-attribute"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-inert-attribute", Standard: check.BIMI, Severity: check.Notice,
			Variants: []check.Variant{{Name: "wrong", Severity: check.Warning}},
			Title:    "the logo's root has attributes that do nothing", Refs: []check.Ref{profile},
			Doc: `Six attributes of the root, such as ` + "`" + `zoomAndPan` + "`" + ` and ` + "`" + `snapshotTime` + "`" + `, are allowed with the one value that
switches them off. With it they are only superfluous; with any other value the file breaks the profile. Remove
them.

    before: <svg zoomAndPan="magnify" …>
    after:  <svg …>`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-inert-attribute"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-reference", Standard: check.BIMI, Severity: check.Warning,
			Variants: []check.Variant{{Name: "xlink", Severity: check.Notice}},
			Title:    "the logo refers to something outside", Refs: []check.Ref{profile},
			Doc: `A logo must be whole in itself: a reference to anything but an ` + "`" + `#id` + "`" + ` in the same file would tell its owner who
reads which message, or carry a script. References with the old ` + "`" + `xlink:href` + "`" + ` inside the file work and are only
old-fashioned. Put what is referred to into the file.

    before: fill="url(https://example.com/paint.svg#g)"
    after:  fill="url(#g)"`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-reference"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-raster", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo contains a bitmap", Refs: []check.Ref{profile},
			CoveredBy: []string{"bimi-svg-element", "bimi-svg-reference"},
			Doc: `The profile allows vectors only. A PNG or JPEG wrapped in an SVG file stays a bitmap, and validators refuse it.
Trace the picture to paths, or better, take the original drawing.

    before: <image href="data:image/png;base64,…"/>
    after:  <path d="…"/>`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-raster"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-percent-size", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo's size is given in percent", Refs: []check.Ref{vendors},
			Doc: `Gmail and Apple Mail want width and height in absolute pixels and show nothing for percentages. Certificates
with such a logo had to be issued anew. Write the numbers of the viewBox.

    before: width="100%" height="100%"
    after:  width="400" height="400"`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-percent-size"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-size-missing", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo does not say how large it is", Refs: []check.Ref{vendors},
			Doc: `Some receivers refuse a logo without width and height in pixels on its root. Write the numbers of the viewBox;
the logo is scaled all the same.

    before: <svg viewBox="0 0 400 400" …>
    after:  <svg width="400" height="400" viewBox="0 0 400 400" …>`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-size-missing"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-too-small", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo is smaller than 96 pixels", Refs: []check.Ref{vendors},
			Doc: `Google asks for at least 96 pixels in width and height. The drawing is scalable, so larger numbers on the root
are all that is needed.

    before: width="64" height="64"
    after:  width="400" height="400"`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-too-small"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-not-square", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo is not square", Refs: []check.Ref{vendors},
			Doc: `Receivers show logos in a square or a circle and cut off what does not fit. Put the drawing onto a square canvas
with some room around it.

    before: viewBox="0 0 600 200"
    after:  viewBox="0 0 600 600"`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-not-square"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-svg-colours", Standard: check.BIMI, Severity: check.Notice,
			Title: "the logo has fewer than two colours", Refs: []check.Ref{profile},
			Doc: `A drawing in one colour may vanish on a background of that colour, and receivers choose the background, dark
ones too. Give it a background of its own. Colours are only counted here, so take this as a hint.

    before: <path fill="#ffffff" …/>
    after:  <rect width="400" height="400" fill="#003366"/><path fill="#ffffff" …/>`,
		},
		Applies: applies(stageSVG), Run: inLogo(stageSVG, "bimi-svg-colours"),
	},
}

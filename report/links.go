package report

import (
	"net/url"

	"github.com/postseal/postseal/internal/locale"
)

// RulePage is where a rule is documented in a language: English stands at the
// top of docs/rules, every other language in a folder of its name.
func RulePage(lang locale.Lang, id string) string {
	page := url.PathEscape(id) + ".md"
	if lang != locale.English {
		page = string(lang) + "/" + page
	}
	return rulesHomepage + page
}

// Hyperlink makes text a link on a terminal that knows OSC 8: such a terminal
// shows the text and opens the address, others may print the address raw. The
// caller knows which it is.
func Hyperlink(address, text string) string {
	return "\x1b]8;;" + address + "\x1b\\" + text + "\x1b]8;;\x1b\\"
}

// rule is a rule's ID, muted and, where the terminal can, a link to its page.
func (p *textPrinter) rule(id string) string {
	shown := p.tone("muted", id)
	if p.opts.Links {
		return Hyperlink(RulePage(p.Lang, id), shown)
	}
	return shown
}

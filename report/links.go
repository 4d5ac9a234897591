package report

import "net/url"

// RulePage is where a rule is documented.
func RulePage(id string) string { return rulesHomepage + url.PathEscape(id) + ".md" }

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
		return Hyperlink(RulePage(id), shown)
	}
	return shown
}

package reply

import (
	"fmt"

	"github.com/postseal/postseal/check"
)

// codeRules are about replies alone.
var codeRules = []rule{
	{
		Meta: check.Meta{
			ID: "code-enhanced-class-mismatch", Severity: check.Notice, Title: "the reply code and the enhanced code contradict each other",
			Refs: refs{check.RFC(2034, ""), check.RFC(3463, "3.1")},
			Doc: "The first digit of an enhanced status code says the same as that of the reply code: both 2 for success, 4 for a\n" +
				"temporary and 5 for a permanent failure. Where they differ, one program retries what another gives up, and a bounce\n" +
				"tells the sender something else than what happened.\n\n" +
				"**Fix:** act on the reply code. On the server, repair the text of the reply: often a filter or a map writes one of\n" +
				"the two by hand.\n\n" +
				"Before: `250 5.0.0 ok`. After: `250 2.0.0 ok`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			out := limited{r: r}
			for _, rep := range f.Replies {
				for _, l := range rep.Lines {
					// RFC 2034 leaves 3xx replies without enhanced codes.
					if l.Enhanced.Class != 0 && l.Code >= 200 && l.Code <= 599 && l.Enhanced.Class != l.Code/100 {
						out.report(finding(l.Number, l.String(), check.Params{"Code": fmt.Sprintf("%03d", l.Code), "Enhanced": l.Enhanced.String()}))
						break
					}
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "code-unknown", Severity: check.Info, Title: "the reply code is in no table",
			Variants: variants{{Name: "malformed", Severity: check.Notice}},
			Refs:     refs{check.RFC(5321, "4.2.1"), check.RFC(5321, "4.3.2")},
			Doc: "Servers may answer with codes that no standard lists. A client acts on the first digit then: 2 means done, 3 go on,\n" +
				"4 try again later, 5 give up. A code that does not begin with 2 to 5 is no SMTP reply at all; the other side speaks\n" +
				"another protocol, or something on the way rewrites the answers.\n\n" +
				"**Fix:** act on the first digit. With a malformed code, find out what listens on that port.\n\n" +
				"Before: `999 go away`. After: `554 5.7.1 go away`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			out := limited{r: r}
			for _, rep := range f.Replies {
				if rep.Code == 0 && len(rep.Lines) == 0 {
					continue
				}
				fd := finding(rep.Line, rep.Lines[len(rep.Lines)-1].String(), check.Params{"Code": fmt.Sprintf("%03d", rep.Code), "First": rep.Code / 100})
				if _, known := codes[rep.Code]; rep.malformed() || rep.Code == 0 {
					fd.Variant, fd.Fix.Verb = "malformed", "malformed"
				} else if known {
					continue
				}
				out.report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "code-multiline-mixed", Severity: check.Notice, Title: "the lines of one reply carry different codes",
			Refs: refs{check.RFC(5321, "4.2"), check.RFC(5321, "4.2.1")},
			Doc: "A reply may have several lines, and each begins with the same code; a hyphen behind it says that more follow. With\n" +
				"different codes it depends on the client which of them counts: most take the last, some the first. One sees a\n" +
				"refusal where another sees a success.\n\n" +
				"**Fix:** send one code in all lines of a reply.\n\n" +
				"Before: `250-accepted` and then `550 refused`. After: `550-refused` and then `550 see the policy`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			out := limited{r: r}
			for _, rep := range f.Replies {
				for _, l := range rep.Lines {
					if l.Code != rep.Lines[0].Code {
						out.report(finding(l.Number, l.String(), check.Params{
							"First": fmt.Sprintf("%03d", rep.Lines[0].Code), "Code": fmt.Sprintf("%03d", l.Code), "FirstLine": rep.Line}))
						break
					}
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "code-retry-permanent", Severity: check.Warning, Title: "what was refused for good is sent again unchanged",
			Refs: refs{check.RFC(5321, "4.2.1")},
			Doc: "A reply that begins with 5 is final: the same command will be refused again. Clients that repeat it waste the time of\n" +
				"both sides; receivers count such attempts against the sender's address, and servers lock accounts whose password is\n" +
				"tried again and again.\n\n" +
				"**Fix:** stop at the first 5xx, tell the sender, and send again only after something was changed. `552 Too many\n" +
				"recipients` of older servers is the exception: send the rest in another transaction.\n\n" +
				"Before: `RCPT TO:<x@example.com>`, `550`, and the same again. After: the address leaves the list at the first 550.",
		},
		Applies: isSession,
		Run: func(f *Facts, r *check.Reporter) {
			out := limited{r: r}
			refused := map[string]*Step{}
			for _, st := range f.Session.Steps {
				if first := refused[st.key]; first != nil {
					out.report(finding(st.Line, st.Text, check.Params{"First": first.Line, "Command": cut(st.Text, 200), "Reply": first.Reply.head()}))
					delete(refused, st.key)
				}
				switch {
				case st.Reply == nil:
				case st.Reply.class() == 2 && (st.Verb == "STARTTLS" || st.Verb == "AUTH"):
					clear(refused) // another client, as the server sees it
				case st.Reply.class() == 5 && repeatable(st):
					refused[st.key] = st
				}
			}
		},
	},
}

// repeatable tells whether sending that again unchanged is a mistake. A wrong
// order (503) or a missing login (530) is cured by what comes in between.
func repeatable(st *Step) bool {
	switch st.Verb {
	case "MAIL", "RCPT", "AUTH", ".":
	default:
		return false
	}
	switch st.Reply.Code {
	case 503, 530, 538, 523:
		return false
	}
	return !isTooMany(st.Reply)
}

func isSession(f *Facts) bool { return f.Session != nil }

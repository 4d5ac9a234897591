package reply

import (
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/internal/locale"
)

// TestExplain are replies as people paste them, and what they are to be told.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		name, text string
		stage      Stage // as given

		words, retry, provider string
		actor, check           string // one that must be among them, "" for none
		maybe                  string
		readAs                 int
		at                     Stage
	}{
		{name: "unknown user", text: "550 5.1.1 <x@y>: Recipient address rejected: User unknown",
			words: "reply.enhanced.1-1", retry: RetryNever, actor: Sender, check: runMX, at: StageRcpt},
		{name: "Google, unauthenticated", text: "550-5.7.26 Your email has been blocked because the sender is unauthenticated.\n550-5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM.\n550-5.7.26 more\n550 5.7.26 see the page a1-b2 - gsmtp",
			words: "reply.pattern.google-unauthenticated", retry: RetryNever, provider: "Google", actor: SenderAdmin, check: "dmarc-*", at: StageMessage},
		{name: "the same code elsewhere", text: "550 5.7.26 authentication failed",
			words: "reply.enhanced.7-26", retry: RetryNever, actor: SenderAdmin, check: "spf-*", at: StageMessage},
		{name: "greylisting", text: "451 4.7.1 Greylisted, try again",
			words: "reply.pattern.greylisted", retry: RetryLater, actor: Nobody, at: StageRcpt},
		{name: "554 at the greeting", text: "554 5.7.1", stage: StageGreeting,
			words: "reply.code.554-greeting", retry: RetryNever, actor: SenderAdmin, check: runSPF, at: StageGreeting},
		{name: "554 after DATA", text: "554 5.7.1", stage: StageMessage,
			words: "reply.code.554-message", retry: RetryNever, actor: SenderAdmin, check: runMessage, at: StageMessage},
		{name: "login in Python", text: "(535, b'5.7.8 Username and Password not accepted')",
			words: "reply.enhanced.7-8", retry: RetryNever, actor: Sender, at: StageAuth},
		{name: "login without a status", text: "535 Authentication failed", words: "reply.code.535", retry: RetryNever, actor: Sender, at: StageAuth},
		{name: "552 for too many", text: "552 Too many recipients",
			words: "reply.pattern.too-many-recipients", retry: RetrySplit, readAs: 452, actor: SenderAdmin, at: StageRcpt},
		{name: "552 for size", text: "552 5.3.4 Message size exceeds fixed limit", words: "reply.enhanced.3-4", retry: RetryNever, actor: Sender, check: "smtp-size-small", at: StageMail},
		{name: "452 for too many", text: "452 4.5.3 Error: too many recipients", words: "reply.enhanced.5-3", retry: RetrySplit, actor: SenderAdmin, at: StageRcpt},
		{name: "classes that differ", text: "250 5.0.0 ok", words: "reply.code.250", retry: RetryNotNeeded, actor: Nobody},
		{name: "no code of a table", text: "299 x", words: "reply.class.2", retry: RetryNotNeeded, actor: Nobody},
		{name: "no code at all", text: "999 x", words: "reply.malformed", retry: RetryUnknown},
		{name: "a status alone", text: "5.7.1 no", words: "reply.enhanced.7-1", retry: RetryNever, actor: SenderAdmin},
		{name: "Microsoft, authentication", text: "550 5.7.515 Access denied, sending domain example.com does not meet the required authentication level.",
			words: "reply.pattern.microsoft-515", retry: RetryNever, provider: "Microsoft", actor: SenderAdmin, check: "dkim-*", at: StageMessage},
		{name: "too many connections", text: "421 4.7.0 Too many connections", stage: StageGreeting,
			words: "reply.pattern.too-many-connections", retry: RetryLater, actor: SenderAdmin, at: StageGreeting},

		// A code that a vendor gave a meaning of its own, which nobody verified.
		{name: "Google's 5.7.27", text: "550 5.7.27 SPF did not pass - gsmtp", words: "reply.enhanced.7-27", maybe: "reply.pattern.google-spf",
			retry: RetryNever, provider: "Google", actor: SenderAdmin, check: "spf-*", at: StageMail},
		{name: "5.7.27 by others", text: "550 5.7.27 sender has null MX", words: "reply.enhanced.7-27", retry: RetryNever, actor: SenderAdmin, at: StageMail},
		{name: "Microsoft's 5.7.509", text: "550 5.7.509 Access denied, sending domain example.com does not pass DMARC verification",
			words: "reply.pattern.dmarc", maybe: "reply.pattern.microsoft-509", retry: RetryNever, actor: SenderAdmin, check: "dmarc-*", at: StageMessage},
		{name: "Yahoo", text: "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred", words: "reply.pattern.yahoo-deferred", retry: RetryLater,
			provider: "Yahoo", actor: SenderAdmin},
		{name: "a blocklist in another's reply", text: "550 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org [AB1.prod.protection.outlook.com]",
			words: "reply.pattern.spamhaus", retry: RetryNever, provider: "Microsoft", actor: SenderAdmin},
		{name: "relay", text: "554 5.7.1 <x@y.example>: Relay access denied", words: "reply.pattern.relay", retry: RetryNever, actor: Sender, at: StageRcpt},
		{name: "refused", text: "Connection refused", words: "reply.network.refused", retry: RetryChecked, actor: Sender, at: StageConnect},
		{name: "timed out", text: "Operation timed out", words: "reply.network.timeout", retry: RetryChecked, actor: Sender, at: StageConnect},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, r := one(t, c.text)
			e := Explain(r, c.stage)
			if e.Words != c.words || e.Retry != c.retry || e.Provider != c.provider || e.Maybe != c.maybe || e.ReadAs != c.readAs || e.Stage != c.at {
				t.Errorf("got %s, retry %s, provider %q, maybe %q, read as %d, at %q;\nwant %s, retry %s, provider %q, maybe %q, read as %d, at %q",
					e.Words, e.Retry, e.Provider, e.Maybe, e.ReadAs, e.Stage, c.words, c.retry, c.provider, c.maybe, c.readAs, c.at)
			}
			if c.actor != "" && !slices.Contains(e.Actors, c.actor) {
				t.Errorf("%v has to act, want %s among them", e.Actors, c.actor)
			}
			if c.check != "" && !slices.Contains(e.Checks, c.check) {
				t.Errorf("checks %v, want %s among them", e.Checks, c.check)
			}
		})
	}
}

// TestBlamed fills in the domain that a reply names.
func TestBlamed(t *testing.T) {
	for text, want := range map[string]string{
		"550 5.7.515 Access denied, sending domain Example.COM does not meet": "example.com",
		"550 5.7.1 not authorized to send email on behalf of a@news.example":  "news.example",
		"550 5.1.1 user unknown":                    "",
		"550 5.7.1 sending domain $(reboot) is bad": "",
	} {
		_, r := one(t, text)
		if got := Explain(r, "").Domain; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// TestWords holds every row of the tables to having its words in each language.
func TestWords(t *testing.T) {
	ids := []string{"reply.malformed"}
	for code, a := range codes {
		id, _, known := baseRow(code, "")
		if !known || len(a.actors) == 0 {
			t.Errorf("%d: known %v, actors %v", code, known, a.actors)
		}
		ids = append(ids, id)
		for stage := range atStage[code] {
			id, _, _ := baseRow(code, stage)
			ids = append(ids, id)
		}
	}
	for key := range enhanced {
		ids = append(ids, "reply.enhanced."+key)
	}
	for n := range networks {
		ids = append(ids, "reply.network."+string(n))
	}
	for i := range patterns {
		ids = append(ids, "reply.pattern."+patterns[i].id)
	}
	for _, n := range []string{"subject.1", "subject.2", "subject.3", "subject.4", "subject.5", "subject.6", "subject.7", "class.2", "class.3", "class.4", "class.5"} {
		ids = append(ids, "reply."+n)
	}
	for _, lang := range locale.Langs {
		l := locale.Must(lang)
		for _, id := range ids {
			for _, part := range []string{".cause", ".remedy"} {
				if s, ok := l.Lookup(id+part, nil); !ok || len(s) < 4 || !strings.HasSuffix(s, ".") {
					t.Errorf("%s: %s%s is %q", lang, id, part, s)
				}
			}
		}
		for _, a := range []string{Nobody, Sender, Recipient, SenderAdmin, ReceiverAdmin, ClientAuthor} {
			if _, ok := l.Lookup("reply.actor."+a, nil); !ok {
				t.Errorf("%s: who is %s", lang, a)
			}
		}
		for _, s := range Stages {
			if _, ok := l.Lookup("reply.stage-name."+string(s), nil); !ok {
				t.Errorf("%s: what is the stage %s", lang, s)
			}
		}
		for _, r := range []string{RetryNotNeeded, RetryContinue, RetryLater, RetryNever, RetryOver, RetryRunning, RetrySplit, RetryChecked, RetryUnknown} {
			if _, ok := l.Lookup("reply.retry."+r, nil); !ok {
				t.Errorf("%s: what is retry %s", lang, r)
			}
		}
	}
}

// Checks lists every command and rule that the tables name, for the test that
// TestChecksAreNamed tells commands from rules; cmd/postseal holds both to what exists.
func TestChecksAreNamed(t *testing.T) {
	for _, c := range Checks() {
		if c == "" || strings.Contains(c, " ") != strings.HasPrefix(c, "postseal ") {
			t.Errorf("%q is neither a command nor a rule", c)
		}
	}
}

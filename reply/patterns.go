package reply

import "regexp"

// PatternsChecked is the day on which the rows about providers were last gone through.
const PatternsChecked = "2026-11-23"

// provider is who a reply comes from, by marks that it leaves in its texts.
type provider struct {
	id, name string
	hint     *regexp.Regexp
}

var providers = []provider{
	{"google", "Google", regexp.MustCompile(`\bgsmtp\b|\bgcdp\b|\bsupport\.google\.com\b|(?i)\b(?:aspmx|smtp|gmail-smtp-in|alt\d\.aspmx)[a-z0-9.-]*\.google\.com\b`)},
	{"microsoft", "Microsoft", regexp.MustCompile(`(?i)\bprod\.outlook\.com\b|\bprotection\.outlook\.com\b|\boutlook\.office365\.com\b|\bolc\.protection\b`)},
	{"yahoo", "Yahoo", regexp.MustCompile(`\[TSS?\d{2}\]|(?i)\byahoodns\.net\b|\bpostmaster\.yahooinc\.com\b`)},
	{"spamhaus", "Spamhaus", regexp.MustCompile(`(?i)\bspamhaus\b`)},
	{"barracuda", "Barracuda", regexp.MustCompile(`(?i)\bbarracuda(?:central|networks)?\b`)},
}

// pattern is a row about the texts of one provider, or of anybody (""). Its
// words are reply.pattern.<id>. A row never matches on the code alone where
// vendors give codes a meaning of their own.
type pattern struct {
	id       string
	provider string
	hinted   bool           // only where a mark of the provider stands in the text, too
	codes    []int          // nil for any
	enhanced []string       // subject and detail, nil for any
	class    int            // of the reply, 0 for any
	text     *regexp.Regexp // nil for any: then provider and enhanced must decide
	verified bool           // the vendor's own page, or RFC, says it in these words
	advice
}

// patterns are tried in order, the first that fits wins.
var patterns = []pattern{
	// https://knowledge.workspace.google.com/admin/support/troubleshooting/gmail-smtp-errors-and-codes
	{id: "google-custom", hinted: true, provider: "google", text: regexp.MustCompile(`\bgcdp\b`), verified: true, advice: advice{actors: []string{Sender, ReceiverAdmin}}},
	{id: "google-tls", hinted: true, provider: "google", text: regexp.MustCompile(`(?i)TLS required`), verified: true,
		advice: advice{actors: []string{SenderAdmin}, checks: []string{runSession}}},
	{id: "google-rate", hinted: true, provider: "google", text: regexp.MustCompile(`(?i)unusual rate of unsolicited mail`), verified: true,
		advice: advice{actors: []string{SenderAdmin}, checks: authentication}},
	{id: "google-recipient-rate", hinted: true, provider: "google", enhanced: []string{"2-1"}, text: regexp.MustCompile(`(?i)receiving mail (?:too quickly|at a rate)`), verified: true,
		advice: advice{actors: []string{SenderAdmin}, stage: StageRcpt}},
	{id: "google-unauthenticated", hinted: true, provider: "google", enhanced: []string{"7-26"}, verified: true,
		advice: advice{actors: []string{SenderAdmin}, checks: authentication, stage: StageMessage}},
	{id: "google-spf", hinted: true, provider: "google", enhanced: []string{"7-27"}, text: regexp.MustCompile(`\bSPF\b`),
		advice: advice{actors: []string{SenderAdmin}, checks: []string{runSPF, "spf-*"}, stage: StageMessage}},
	{id: "google-dkim", hinted: true, provider: "google", enhanced: []string{"7-30"}, text: regexp.MustCompile(`\bDKIM\b`),
		advice: advice{actors: []string{SenderAdmin}, checks: []string{runMessage, "dkim-*"}, stage: StageMessage}},
	{id: "google-no-tls", hinted: true, provider: "google", enhanced: []string{"7-29"}, text: regexp.MustCompile(`\bTLS\b`),
		advice: advice{actors: []string{SenderAdmin}, checks: []string{runSession}, stage: StageMessage}},
	{id: "google-app-password", hinted: true, provider: "google", codes: []int{534, 535}, text: regexp.MustCompile(`(?i)application-specific password|app password|InvalidSecondFactor`), verified: true,
		advice: advice{actors: []string{Sender}, stage: StageAuth}},

	// https://support.microsoft.com, "Fix NDR error 550 5.7.515 in Outlook.com"
	{id: "microsoft-515", enhanced: []string{"7-515"}, text: regexp.MustCompile(`(?i)access denied|does not meet the required`), provider: "microsoft", verified: true,
		advice: advice{actors: []string{SenderAdmin}, checks: authentication, stage: StageMessage}},
	{id: "microsoft-509", enhanced: []string{"7-509"}, text: regexp.MustCompile(`(?i)DMARC`), provider: "microsoft",
		advice: advice{actors: []string{SenderAdmin}, checks: append([]string{runDMARC}, authentication...), stage: StageMessage}},
	{id: "microsoft-139", enhanced: []string{"7-139"}, text: regexp.MustCompile(`(?i)authentication unsuccessful|basic authentication`), provider: "microsoft",
		advice: advice{actors: []string{Sender, SenderAdmin}, stage: StageAuth}},
	{id: "microsoft-541", hinted: true, enhanced: []string{"4-1"}, class: 5, text: regexp.MustCompile(`(?i)access denied|recipient address rejected`), provider: "microsoft",
		advice: advice{actors: []string{Sender, ReceiverAdmin}, checks: []string{runMX}, stage: StageRcpt}},
	{id: "microsoft-throttled", hinted: true, class: 4, text: regexp.MustCompile(`\b4\.7\.(?:5\d\d|6\d\d)\b|(?i)server busy.*AS\(`), provider: "microsoft",
		advice: advice{actors: []string{SenderAdmin}, checks: authentication}},

	{id: "yahoo-deferred", provider: "yahoo", class: 4, text: regexp.MustCompile(`\[TSS?\d{2}\]`), verified: true,
		advice: advice{actors: []string{SenderAdmin}, checks: authentication}},

	{id: "spamhaus", provider: "spamhaus", verified: true, advice: advice{actors: []string{SenderAdmin}, checks: blocklists}},
	{id: "barracuda", provider: "barracuda", hinted: true, text: regexp.MustCompile(`(?i)blocked|rejected|reputation|block list|listed`),
		advice: advice{actors: []string{SenderAdmin}, checks: blocklists}},

	// Words that servers of any make use.
	{id: "too-many-recipients", codes: []int{552, 452, 451, 450, 550}, text: regexp.MustCompile(`(?i)too many recipients`), verified: true,
		advice: advice{actors: []string{SenderAdmin}, stage: StageRcpt}},
	{id: "greylisted", class: 4, text: regexp.MustCompile(`(?i)gr[ea]y-?list`), verified: true, advice: advice{actors: nobody, stage: StageRcpt}},
	{id: "too-many-connections", class: 4, text: regexp.MustCompile(`(?i)too many (?:concurrent |simultaneous |open )?(?:SMTP )?(?:connections|sessions)`), verified: true,
		advice: advice{actors: []string{SenderAdmin}}},
	{id: "blocklist", text: regexp.MustCompile(`(?i)block ?list|black ?list|\bDNSBL\b|\bRBL\b|\blisted (?:at|in|by|on)\b`), verified: true,
		advice: advice{actors: []string{SenderAdmin}, checks: blocklists}},
	{id: "relay", class: 5, text: regexp.MustCompile(`(?i)\brelay(?:ing)?\b.*\b(?:denied|not permitted|not allowed|prohibited)|\b(?:unable|not permitted|cannot|not allowed) to relay`), verified: true,
		advice: advice{actors: []string{Sender, ReceiverAdmin}, checks: []string{runMX}, stage: StageRcpt}},
	{id: "reverse-dns", text: regexp.MustCompile(`(?i)reverse DNS|\bPTR\b|\brDNS\b|reverse hostname`), verified: true,
		advice: advice{actors: []string{SenderAdmin}, checks: []string{runMessage, "msg-iprev-fail"}}},
	{id: "mailbox-full", text: regexp.MustCompile(`(?i)over ?quota|quota exceeded|(?:mailbox|inbox) (?:is )?full|out of storage`), verified: true,
		advice: advice{actors: []string{Recipient}, stage: StageRcpt}},
	{id: "user-unknown", codes: []int{550, 551, 553, 554}, text: regexp.MustCompile(`(?i)user unknown|unknown user|no such (?:user|mailbox|recipient)|(?:user|mailbox|recipient|address|account)\b.{0,40}\b(?:does not|doesn't) exist|mailbox (?:not found|unavailable)|recipient (?:not found|unknown)|invalid recipient`),
		verified: true, advice: advice{actors: []string{Sender}, checks: []string{runMX}, stage: StageRcpt}},
	{id: "dmarc", class: 5, text: regexp.MustCompile(`(?i)\bDMARC\b`), verified: true, advice: advice{actors: []string{SenderAdmin}, checks: append([]string{runDMARC}, authentication...), stage: StageMessage}},
	{id: "spf", class: 5, text: regexp.MustCompile(`\bSPF\b`), verified: true, advice: advice{actors: []string{SenderAdmin}, checks: []string{runSPF, runTree, "spf-*"}}},
	{id: "helo", codes: []int{504, 501, 550, 554, 450}, text: regexp.MustCompile(`(?i)\b(?:HELO|EHLO|helo command)\b.*\b(?:rejected|fully[- ]qualified|invalid|need)|need fully-qualified hostname`), verified: true,
		advice: advice{actors: []string{SenderAdmin}, stage: StageRcpt}},
}

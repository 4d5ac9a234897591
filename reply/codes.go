package reply

import "slices"

// Who has to do something about a reply.
const (
	Nobody        = "nobody"
	Sender        = "sender"
	Recipient     = "recipient"
	SenderAdmin   = "sender-admin"
	ReceiverAdmin = "receiver-admin"
	ClientAuthor  = "client" // who wrote or configured the sending program
)

// Commands that answer the question behind a reply. What is in capitals is for
// the reader to fill in; DOMAIN is filled in where the reply names it.
const (
	runAudit   = "postseal audit DOMAIN"
	runSPF     = "postseal spf eval --ip ADDRESS --from SENDER"
	runMessage = "postseal message FILE.eml"
	runDMARC   = "postseal dmarc walk DOMAIN"
	runTree    = "postseal spf tree DOMAIN"
	runMX      = "postseal audit RECIPIENT-DOMAIN"
	runSession = "postseal session FILE"
)

// advice is what a row of a table knows beside its words, which stand in the
// message files: reply.code.<code>, reply.enhanced.<subject>-<detail>.
type advice struct {
	actors []string
	checks []string // commands first, then rule IDs; "spf-*" is a whole family
	stage  Stage    // where such a reply comes from, if nothing else tells
}

var (
	nobody = []string{Nobody}
	// authentication is asked wherever SPF, DKIM and DMARC decide.
	authentication = []string{runMessage, runAudit, "spf-*", "dkim-*", "dmarc-*"}
	blocklists     = []string{runAudit, runSPF}
	address        = []string{runMX, "mx-domain-nxdomain", "mx-none"}
)

// codes are the reply codes with words of their own: RFC 5321 §4.2.3,
// RFC 4954 §6, RFC 3207 §4, RFC 7504 §3 and what servers use beside them.
var codes = map[int]advice{
	211: {actors: nobody, stage: StageOther},
	214: {actors: nobody, stage: StageOther},
	220: {actors: nobody, stage: StageGreeting},
	221: {actors: nobody, stage: StageQuit},
	235: {actors: nobody, stage: StageAuth},
	250: {actors: nobody},
	251: {actors: []string{Sender}, stage: StageRcpt},
	252: {actors: nobody, stage: StageOther},
	334: {actors: nobody, stage: StageAuth},
	354: {actors: nobody, stage: StageData},
	421: {actors: []string{SenderAdmin}, checks: []string{runAudit, "spf-*", "dkim-*"}},
	432: {actors: []string{Sender}, stage: StageAuth},
	450: {actors: nobody, checks: []string{runAudit}, stage: StageRcpt},
	451: {actors: nobody},
	452: {actors: []string{SenderAdmin, Recipient}, stage: StageRcpt},
	454: {actors: []string{ReceiverAdmin}, checks: []string{runMX, "starttls-refused"}},
	455: {actors: []string{ClientAuthor}},
	500: {actors: []string{ClientAuthor}, checks: []string{runSession}},
	501: {actors: []string{ClientAuthor}, checks: []string{runSession, "session-space-after-colon"}},
	502: {actors: []string{ClientAuthor}},
	503: {actors: []string{ClientAuthor}, checks: []string{runSession}},
	504: {actors: []string{ClientAuthor, SenderAdmin}},
	521: {actors: []string{Sender}, checks: []string{runMX, "mx-null-advised", "smtp-greeting-521"}},
	523: {actors: []string{ClientAuthor}, checks: []string{runSession}, stage: StageAuth},
	525: {actors: []string{SenderAdmin}, stage: StageAuth},
	530: {actors: []string{Sender, ClientAuthor}, checks: []string{runSession}, stage: StageMail},
	534: {actors: []string{Sender}, stage: StageAuth},
	535: {actors: []string{Sender}, stage: StageAuth},
	538: {actors: []string{ClientAuthor}, checks: []string{runSession, "session-auth-before-tls"}, stage: StageAuth},
	541: {actors: []string{SenderAdmin}, checks: authentication, stage: StageMessage},
	550: {actors: []string{Sender, SenderAdmin}, checks: append([]string{runMX}, authentication...)},
	551: {actors: []string{Sender}, stage: StageRcpt},
	552: {actors: []string{Sender, Recipient}, checks: []string{"smtp-size-small"}},
	553: {actors: []string{Sender}, stage: StageMail},
	554: {actors: []string{SenderAdmin}, checks: append([]string{runSession}, authentication...)},
	555: {actors: []string{ClientAuthor}, checks: []string{runSession}, stage: StageMail},
	556: {actors: []string{Sender}, checks: []string{runMX, "mx-null"}, stage: StageRcpt},
	571: {actors: []string{SenderAdmin}, checks: authentication},
}

// atStage are codes that mean another thing at that stage; their words are
// reply.code.<code>-<stage>.
var atStage = map[int]map[Stage]advice{
	220: {StageTLS: {actors: nobody}},
	454: {
		StageTLS:  {actors: []string{ReceiverAdmin}, checks: []string{runMX, "starttls-refused"}},
		StageAuth: {actors: []string{ReceiverAdmin}},
	},
	554: {
		StageGreeting: {actors: []string{SenderAdmin}, checks: []string{runSPF, "smtp-greeting-refused"}},
		StageMessage:  {actors: []string{Sender, SenderAdmin}, checks: append([]string{runMessage}, authentication[1:]...)},
	},
}

// networks are failures before any reply.
var networks = map[Network]advice{
	NetRefused:     {actors: []string{Sender, ReceiverAdmin}, checks: []string{runMX, "smtp-address-unreachable"}},
	NetTimeout:     {actors: []string{Sender, SenderAdmin}, checks: []string{runMX, "smtp-port25-not-measured"}},
	NetUnreachable: {actors: []string{SenderAdmin, ReceiverAdmin}, checks: []string{runMX, "smtp-ipv6-unreachable"}},
	NetClosed:      {actors: []string{SenderAdmin, ReceiverAdmin}, checks: []string{runMX}},
	NetName:        {actors: []string{Sender}, checks: []string{runMX, "mx-target-nxdomain"}},
	NetPlain:       {actors: []string{ClientAuthor}},
	NetCertificate: {actors: []string{ReceiverAdmin, ClientAuthor}, checks: []string{runMX}},
}

// Checks lists every command and rule that the tables send a reader to.
func Checks() []string {
	var list []string
	add := func(a advice) { list = append(list, a.checks...) }
	for _, a := range codes {
		add(a)
	}
	for _, stages := range atStage {
		for _, a := range stages {
			add(a)
		}
	}
	for _, a := range enhanced {
		add(a)
	}
	for _, a := range networks {
		add(a)
	}
	for i := range patterns {
		add(patterns[i].advice)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

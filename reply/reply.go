// Package reply reads what SMTP servers answer and says what it means: a pasted
// reply (RFC 5321 §4.2) with its enhanced status code (RFC 3463), a line of a
// mail log, the fields of a bounce (RFC 3464), the exception of a program, or
// the transcript of a whole session.
//
// Parse gathers, Explain judges one reply by its tables (codes.go, enhanced.go,
// patterns.go), Rules judge what is wrong with the text itself. Nothing here
// asks a network. Credentials of AUTH (RFC 4954) leave Parse only as "[redacted]".
package reply

import (
	"fmt"
	"strconv"

	"github.com/postseal/postseal/check"
)

// The most that is read: a session of a few hundred lines is already long.
const (
	MaxOctets = 1 << 20
	MaxLines  = 20_000
)

// Form is what the input turned out to be.
type Form string

// The forms of input.
const (
	FormReply      Form = "reply"      // a reply as the server sent it
	FormStatus     Form = "status"     // an enhanced status code alone, as in a bounce
	FormLog        Form = "log"        // lines of a mail server's log
	FormDSN        Form = "dsn"        // fields of a delivery status notification (RFC 3464)
	FormException  Form = "exception"  // what a program's library reported
	FormNetwork    Form = "network"    // no reply: the connection failed
	FormTranscript Form = "transcript" // both sides of a session
)

// Stage is where in the session a reply stands. Its meaning depends on that.
type Stage string

// The stages, in the order of a session.
const (
	StageUnknown  Stage = ""
	StageConnect  Stage = "connect"
	StageGreeting Stage = "greeting"
	StageHello    Stage = "hello"
	StageTLS      Stage = "starttls"
	StageAuth     Stage = "auth"
	StageMail     Stage = "mail"
	StageRcpt     Stage = "rcpt"
	StageData     Stage = "data"
	StageMessage  Stage = "message" // after the final dot
	StageQuit     Stage = "quit"
	StageOther    Stage = "other-command" // NOOP, RSET, VRFY and the like
)

// Stages lists the stages that a user can name.
var Stages = []Stage{StageConnect, StageGreeting, StageHello, StageTLS, StageAuth, StageMail, StageRcpt, StageData, StageMessage, StageQuit, StageOther}

// Enhanced is an enhanced status code, such as 5.7.26. The zero value is none.
type Enhanced struct{ Class, Subject, Detail int }

func (e Enhanced) String() string {
	if e.Class == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", e.Class, e.Subject, e.Detail)
}

// MarshalText writes the code with its dots, "" for none.
func (e Enhanced) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// key is the code without its class, as the tables are keyed.
func (e Enhanced) key() string { return strconv.Itoa(e.Subject) + "-" + strconv.Itoa(e.Detail) }

// Network is a failure before any reply.
type Network string

// The failures that are told apart.
const (
	NetRefused     Network = "refused"
	NetTimeout     Network = "timeout"
	NetUnreachable Network = "unreachable"
	NetClosed      Network = "closed"
	NetName        Network = "name"
	NetPlain       Network = "plain" // TLS was spoken to a server that speaks plain text
	NetCertificate Network = "certificate"
)

// Reply is one reply of a server.
type Reply struct {
	Code     int      `json:"code"`     // of the last line; 0 where only a status or a network failure is known
	Enhanced Enhanced `json:"enhanced"` // of the last line that has one
	Text     string   `json:"text"`     // of all lines, joined by spaces
	Line     int      `json:"line"`     // in the input, from 1
	Lines    []Line   `json:"lines"`
	Stage    Stage    `json:"stage"` // "" where nothing in the input tells
	Network  Network  `json:"network"`
	Expired  bool     `json:"expired"` // a bounce: what was temporary was retried until time ran out
	Delayed  bool     `json:"delayed"` // a warning: it is still being retried
	Command  string   `json:"command"` // that it answers, redacted; "" unknown
}

// Line is one line of a reply.
type Line struct {
	Number   int      `json:"line"`
	Code     int      `json:"code"`
	Enhanced Enhanced `json:"enhanced"`
	Text     string   `json:"text"`
}

// String is the line as the server sent it, without "-".
func (l Line) String() string {
	s := fmt.Sprintf("%03d", l.Code)
	if l.Enhanced.Class != 0 {
		s += " " + l.Enhanced.String()
	}
	if l.Text != "" {
		s += " " + l.Text
	}
	return s
}

// malformed tells that the code is none of RFC 5321 §4.2: it begins with 2 to 5.
func (r *Reply) malformed() bool { return r.Code != 0 && (r.Code < 200 || r.Code > 599) }

// class is what decides: the first digit of the code, else that of the status.
func (r *Reply) class() int {
	switch {
	case r.Code != 0 && !r.malformed():
		return r.Code / 100
	case r.Code == 0:
		return r.Enhanced.Class
	}
	return 0
}

// head is the codes as people name them: "550 5.7.26".
func (r *Reply) head() string {
	switch {
	case r.Code != 0 && r.Enhanced.Class != 0:
		return fmt.Sprintf("%03d %s", r.Code, r.Enhanced)
	case r.Code != 0:
		return fmt.Sprintf("%03d", r.Code)
	case r.Enhanced.Class != 0:
		return r.Enhanced.String()
	}
	return ""
}

// Facts are everything that was read from one input.
type Facts struct {
	Form    Form     `json:"form"`
	Replies []*Reply `json:"replies"` // in order
	Session *Session `json:"session"` // nil where the input is no transcript
}

func lineSubject(n int) string { return "line " + strconv.Itoa(n) }

// finding is one at a line of the input, with that line as its record.
func finding(line int, record string, params check.Params) check.Finding {
	params["Line"] = line
	return check.Finding{Subject: lineSubject(line), Record: cut(record, maxRecord), Params: params, Fix: &check.Fix{Records: []check.RecordChange{}}}
}

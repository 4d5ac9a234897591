package reply

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	// said is where a log quotes the server: Postfix, Exim, qmail, sendmail, bounces.
	said = regexp.MustCompile(`(?i)(?:said: |refused to talk to me: |remote host said: |after [A-Za-z ]{1,40}(?:<[^>]*>|:<[^>]*>)?(?: SIZE=\d+)?: |smtp; ?|stat=|response: ?['"]?|<<< |responded with: |reply: ?['"]?)(?:b['"])?(\d{3}[ -].*)$`)
	// coded is a code right before an enhanced one, wherever it stands.
	coded = regexp.MustCompile(`(?:^|[^\d.])([2-5]\d\d[ -]#?[245]\.\d{1,3}\.\d{1,3}(?:[\s:,;)'"].*)?)$`)
	// colon is a code behind a colon, as most programs print it.
	colon = regexp.MustCompile(`: ['"]?([45]\d\d[ -]\S.*)$`)
	// named is a code that a word introduces.
	named = regexp.MustCompile(`(?i)\b(?:error|code|returned|reply|response|status|erro|c[oó]digo)[ :=#]{1,3}([2-5]\d\d)\b`)
	dsn   = regexp.MustCompile(`\bdsn=([245]\.\d{1,3}\.\d{1,3})\b`)

	inReply = regexp.MustCompile(`(?i)\s*\(in reply to (end of DATA|[A-Z]+(?: (?:FROM|TO))?) command\)?`)
	after   = regexp.MustCompile(`(?i)after (?:pipelined )?(initial connection|end of data|sending data block|[A-Z]+(?: (?:FROM|TO))?)\b`)
)

// readLog finds a reply in each line of a log.
func readLog(lines []string) []*Reply {
	var list []*Reply
	for i, text := range lines {
		if r := logReply(text, i+1); r != nil && len(list) < maxReplies {
			list = append(list, r)
		}
	}
	return list
}

// logReply is the reply that a line quotes, nil for none.
func logReply(text string, number int) *Reply {
	stage := logStage(text)
	if at := inReply.FindStringIndex(text); at != nil {
		text = text[:at[0]]
	}
	for _, re := range []*regexp.Regexp{said, coded, colon} {
		if m := re.FindStringSubmatch(text); m != nil {
			r := quoted(strings.TrimRight(m[1], `"'),`), number)
			if r != nil {
				r.Stage = stage
			}
			return r
		}
	}
	if m := named.FindStringSubmatch(text); m != nil {
		code, _ := strconv.Atoi(m[1])
		return &Reply{Code: code, Line: number, Stage: stage, Text: cut(strings.TrimSpace(text), maxText), Lines: []Line{{Number: number, Code: code}}}
	}
	if m := dsn.FindStringSubmatch(text); m != nil {
		// The server of the sender writes a status of its own where nobody answered.
		if n := readNetwork([]string{text}); n != nil {
			n[0].Line = number
			return n[0]
		}
		e, _ := cutEnhanced(m[1])
		return &Reply{Enhanced: e, Line: number, Stage: stage, Text: cut(strings.TrimSpace(text), maxText)}
	}
	return nil
}

// quoted is a reply that stands on one line of other text.
func quoted(text string, number int) *Reply {
	rs := readReplies([]string{text})
	if len(rs) == 0 {
		return nil
	}
	r := rs[0]
	r.Line = number
	for i := range r.Lines {
		r.Lines[i].Number = number
	}
	return r
}

// logStage is where the log says that the reply came.
func logStage(text string) Stage {
	if strings.Contains(text, "refused to talk to me") {
		return StageGreeting
	}
	if m := inReply.FindStringSubmatch(text); m != nil {
		return verbStage(m[1])
	}
	if m := after.FindStringSubmatch(text); m != nil {
		return verbStage(m[1])
	}
	return StageUnknown
}

// verbStage is the stage of a command, or of what logs call one.
func verbStage(verb string) Stage {
	switch strings.Join(strings.Fields(strings.ToUpper(verb)), " ") {
	case "INITIAL CONNECTION", "CONN", "CONNECT":
		return StageGreeting
	case "EHLO", "HELO", "LHLO":
		return StageHello
	case "STARTTLS":
		return StageTLS
	case "AUTH":
		return StageAuth
	case "MAIL", "MAIL FROM":
		return StageMail
	case "RCPT", "RCPT TO":
		return StageRcpt
	case "DATA":
		return StageData
	case "END OF DATA", "SENDING DATA BLOCK", ".", "BDAT":
		return StageMessage
	case "QUIT":
		return StageQuit
	case "NOOP", "RSET", "VRFY", "EXPN", "HELP":
		return StageOther
	}
	return StageUnknown
}

var dsnField = regexp.MustCompile(`(?i)^\s*(Diagnostic-Code|Status|Action|Remote-MTA|Final-Recipient)\s*:\s*(.*)$`)

// readDSN reads the fields of RFC 3464, a reply for each recipient.
func readDSN(lines []string) []*Reply {
	var list []*Reply
	var group struct {
		reply          *Reply
		status, action string
		line           int
		any            bool
	}
	flush := func() {
		r := group.reply
		if e, _ := cutEnhanced(group.status); e.Class != 0 {
			if r == nil {
				r = &Reply{Enhanced: e, Line: group.line}
			} else if r.Enhanced.Class == 0 {
				r.Enhanced = e
			}
		}
		if r != nil && len(list) < maxReplies {
			failed := strings.HasPrefix(strings.ToLower(group.action), "failed")
			r.Delayed = strings.HasPrefix(strings.ToLower(group.action), "delayed")
			r.Expired = failed && r.class() == 4
			list = append(list, r)
		}
		group.reply, group.status, group.action, group.any = nil, "", "", false
	}
	for i := 0; i < len(lines); i++ {
		m := dsnField.FindStringSubmatch(lines[i])
		if m == nil {
			if strings.TrimSpace(lines[i]) == "" {
				flush()
			}
			continue
		}
		name, value, at := strings.ToLower(m[1]), m[2], i+1
		for i+1 < len(lines) && lines[i+1] != "" && (lines[i+1][0] == ' ' || lines[i+1][0] == '\t') && !dsnField.MatchString(lines[i+1]) {
			i++
			value += " " + strings.TrimSpace(lines[i])
			if len(value) > 2*maxText {
				value = value[:2*maxText]
			}
		}
		switch name {
		case "status":
			group.status, group.line = strings.TrimSpace(value), at
		case "action":
			group.action = strings.TrimSpace(value)
		case "diagnostic-code":
			kind, text, ok := strings.Cut(value, ";")
			if !ok {
				text = kind
			}
			text = strings.TrimSpace(text)
			if group.reply = quoted(text, at); group.reply == nil {
				group.reply = logReply(text, at)
			}
			if group.reply == nil {
				if n := readNetwork([]string{text}); n != nil {
					group.reply = n[0]
					group.reply.Line = at
				}
			}
		}
	}
	flush()
	return list
}

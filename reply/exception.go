package reply

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	// pyTuple is a code and its text as smtplib raises them: (535, b'5.7.8 …').
	pyTuple = regexp.MustCompile(`\(\s*(\d{3})\s*,\s*b?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")`)
	// responseText and responseCode are properties of Nodemailer's errors.
	responseText = regexp.MustCompile(`["']?\bresponse["']?\s*:\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")`)
	responseCode = regexp.MustCompile(`["']?\bresponseCode["']?\s*:\s*(\d{3})\b`)
	commandName  = regexp.MustCompile(`["']?\bcommand["']?\s*:\s*["']([A-Z]+)`)
	pyError      = regexp.MustCompile(`\bSMTP(Authentication|SenderRefused|RecipientsRefused|Data|Connect|Helo|Response|NotSupported)(?:Error|Exception)?\b`)
)

// pyStages say where each of smtplib's exceptions is raised.
var pyStages = map[string]Stage{
	"Authentication": StageAuth, "SenderRefused": StageMail, "RecipientsRefused": StageRcpt, "Data": StageMessage,
	"Connect": StageGreeting, "Helo": StageHello,
}

// readException reads what Python's smtplib and Nodemailer report.
func readException(lines []string) []*Reply {
	text := strings.Join(lines, "\n")
	number := func(at int) int { return 1 + strings.Count(text[:at], "\n") }
	if m := responseText.FindStringSubmatchIndex(text); m != nil {
		rs := readReplies(strings.Split(unescape(group(text, m, 1)+group(text, m, 2)), "\n"))
		if len(rs) > 0 {
			if c := commandName.FindStringSubmatch(text); c != nil {
				rs[0].Stage = verbStage(c[1])
			}
			return []*Reply{moved(rs[0], number(m[0]))}
		}
	}
	if m := responseCode.FindStringSubmatchIndex(text); m != nil {
		code, _ := strconv.Atoi(group(text, m, 1))
		n := number(m[0])
		return []*Reply{{Code: code, Line: n, Lines: []Line{{Number: n, Code: code}}}}
	}
	stage := StageUnknown
	if m := pyError.FindStringSubmatch(text); m != nil {
		stage = pyStages[m[1]]
	}
	var list []*Reply
	for _, m := range pyTuple.FindAllStringSubmatchIndex(text, maxReplies) {
		code := group(text, m, 1)
		var r Reply
		body := strings.Split(unescape(group(text, m, 2)+group(text, m, 3)), "\n")
		for i, line := range body {
			// smtplib strips the code off each line.
			sep := "-"
			if i == len(body)-1 {
				sep = " "
			}
			if l, _, ok := parseLine(code+sep+strings.TrimSpace(line), 0); ok {
				r.add(l)
			}
		}
		if len(r.Lines) > 0 {
			r.Stage = stage
			list = append(list, moved(&r, number(m[0])))
		}
	}
	return list
}

func group(text string, m []int, n int) string {
	if m[2*n] < 0 {
		return ""
	}
	return text[m[2*n]:m[2*n+1]]
}

// moved puts a reply that was quoted on one line there.
func moved(r *Reply, line int) *Reply {
	r.Line = line
	for i := range r.Lines {
		r.Lines[i].Number = line
	}
	return r
}

// unescape undoes the escapes that Python and JavaScript share.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'x':
			if i+2 < len(s) {
				if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
					b.WriteByte(byte(v))
					i += 2
					continue
				}
			}
			b.WriteString(`\x`)
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

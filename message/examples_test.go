package message

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
)

// world is testWorld with other lines; they take the place of all that it says of
// their owners.
func world(extra string) string {
	own := map[string]bool{}
	for line := range strings.Lines(extra) {
		own[strings.Fields(line)[0]] = true
	}
	var b strings.Builder
	for line := range strings.Lines(testWorld()) {
		if !own[strings.Fields(line)[0]] {
			b.WriteString(line)
		}
	}
	return b.String() + extra
}

// from is goodTrace of another client and sender.
func from(ip, name, sender string) string {
	return strings.NewReplacer("192.0.2.10", ip, "mail.example.com", name, "<a@example.com>", "<"+sender+">").Replace(goodTrace)
}

// example is one row: a message, signed if tags are given, changed afterwards.
type example struct {
	name  string
	mail  string   // goodMail where there is none
	tags  []string // of signatures, the lowest first
	after func(signed string) string
	trace string   // goodTrace where there is none
	zone  string   // beside world, or instead of its lines
	lf    bool     // the file has LF line ends
	want  []string // rules with findings of severity notice and above, consequences too
	info  []string // of those that only inform, the ones that decide
}

// TestExamples holds the rules together to worked examples: each says every
// finding of severity notice and above.
func TestExamples(t *testing.T) {
	for _, e := range examples() {
		t.Run(e.name, func(t *testing.T) {
			f := e.gather(t)
			got, infos := ids(Evaluate(f))
			if diff := cmp.Diff(e.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			for _, id := range e.info {
				if !slices.Contains(infos, id) {
					t.Errorf("%s is not among %v", id, infos)
				}
			}
		})
	}
}

func (e *example) gather(t *testing.T) *Facts {
	t.Helper()
	tm := testMessage{mail: goodMail, sign: e.tags, trace: goodTrace}
	if e.mail != "" {
		tm.mail = e.mail
	}
	if e.trace != "" {
		tm.trace = e.trace
	}
	trace := crlf(tm.trace)
	tm.trace = ""
	raw := tm.raw(t)
	if e.after != nil {
		raw = e.after(raw)
	}
	raw = trace + raw
	if e.lf {
		raw = strings.ReplaceAll(raw, "\r\n", "\n")
	}
	m, err := Parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Now: func() time.Time { return received.AddDate(3, 0, 0) }} // years later
	f, err := Gather(t.Context(), dnstest.New(t, world(e.zone)), m, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// ids splits the rules with findings by whether they only inform. What is a
// consequence is shown, too, and counts here.
func ids(results []check.Result) (list, infos []string) {
	list = []string{}
	severity := map[string]*check.Meta{}
	for _, m := range Metas() {
		severity[m.ID] = m
	}
	add := func(id string, fd *check.Finding) {
		if severity[id].SeverityOf(fd) == check.Info {
			infos = append(infos, id)
		} else if !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	for i := range results {
		for j := range results[i].Findings {
			fd := &results[i].Findings[j]
			add(results[i].Rule.ID, fd)
			for k := range fd.Consequences {
				add(fd.Consequences[k].Rule, &fd.Consequences[k].Finding)
			}
		}
	}
	slices.Sort(list)
	return list, infos
}

func tags(changes string) []string { return []string{"+" + changes} }

func replaced(old, with string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, with, 1) }
}

func examples() []example {
	forwarder := from("198.51.100.1", "fwd.example", "a@example.com")
	esp := from("203.0.113.5", "out.esp.example", "b@esp.example")
	list := "List-Id: Talk <talk.fwd.example>\r\nList-Post: <mailto:talk@fwd.example>\r\nList-Unsubscribe: <mailto:leave@fwd.example>\r\n"
	footer := func(s string) string { return list + s + "-- \r\nTalk, the list\r\n" }
	bulk := strings.Replace(goodMail, "\n\n", "\nList-Id: News <news.example.com>\nList-Unsubscribe: <mailto:u@example.com>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n\n", 1)
	ams := func(i, cv string) string {
		return "ARC-Seal: i=" + i + "; a=rsa-sha256; cv=" + cv + "; d=list.example; s=s1; b=AAAA\r\n" +
			"ARC-Message-Signature: i=" + i + "; a=rsa-sha256; c=relaxed/relaxed; d=list.example; s=s1; h=from:subject; bh=AAAA; b=AAAA\r\n" +
			"ARC-Authentication-Results: i=" + i + "; mx.list.example; dmarc=pass header.from=example.com\r\n"
	}
	good := tags("")
	return []example{
		{name: "1", tags: good, want: []string{}, info: []string{"msg-dmarc-pass", "msg-spf-pass", "msg-dkim-pass"}},
		{name: "2", want: []string{"msg-dkim-none", "msg-dmarc-spf-only"}},
		{name: "3", tags: good, trace: forwarder, want: []string{"msg-spf-fail"}, info: []string{"msg-dmarc-pass", "msg-dmarc-dkim-only"}},
		{name: "4", tags: good, trace: forwarder, after: footer,
			want: []string{"msg-dkim-body-hash", "msg-dmarc-fail", "msg-spf-fail"}, info: []string{"msg-dmarc-list-damage"}},
		{name: "5", tags: tags("d=esp.example"), trace: esp,
			want: []string{"msg-dkim-unaligned", "msg-dmarc-fail", "msg-spf-unaligned"}},
		{name: "6", tags: tags("d=mail.example.com"), trace: esp, want: []string{"msg-spf-unaligned"}, info: []string{"msg-dmarc-pass"}},
		{name: "7", tags: tags("d=mail.example.com"), trace: esp, zone: "_dmarc.example.com. TXT \"v=DMARC1; p=reject; adkim=s; rua=mailto:d@example.com\"\n",
			want: []string{"msg-dmarc-fail", "msg-dmarc-strict-mismatch", "msg-spf-unaligned"}},
		{name: "8", tags: tags("a=rsa-sha1"), want: []string{"msg-dkim-sha1", "msg-dmarc-spf-only"}},
		{name: "9", tags: tags("l=36"), after: func(s string) string { return s + strings.Repeat("<p>click here</p>\r\n", 16) },
			want: []string{"msg-dkim-l-tag"}, info: []string{"msg-dkim-pass"}},
		{name: "10", tags: tags("h=from:to:subject:date:message-id"), after: func(s string) string { return "From: ceo@example.com\r\n" + s },
			want: []string{"msg-dkim-extra-header-attack", "msg-dkim-no-oversign", "msg-dmarc-not-applicable", "msg-from-multiple-fields", "msg-header-duplicate"}},
		{name: "11", mail: strings.Replace(goodMail, "Ann <a@example.com>", "a@example.com, b@other.example", 1), tags: good,
			want: []string{"msg-dmarc-not-applicable", "msg-from-multiple-addresses", "msg-sender-missing"}},
		{name: "12", mail: strings.Replace(goodMail, "Ann <a@example.com>", "\"support@bank.example\" <x@example.com>", 1), tags: good,
			want: []string{"msg-from-display-address"}},
		{name: "13", mail: strings.Replace(goodMail, "Mon, 3 Nov 2025 10:00:00", "Tue, 14 Nov 2023 22:13:20", 1), tags: tags("t=1700000000; x=1700600000"),
			trace: strings.Replace(goodTrace, "Mon, 3 Nov 2025 10:00:05", "Tue, 14 Nov 2023 22:15:00", 1), want: []string{}},
		{name: "14", tags: tags("x=1699999999; t=1700000000"), want: []string{"msg-dkim-x-before-t", "msg-dmarc-spf-only"}},
		{name: "15", mail: goodMail + "\n\n\n", tags: tags("c="), after: func(s string) string { return strings.TrimRight(s, "\r\n") + "\r\n" },
			want: []string{}, info: []string{"msg-dkim-simple"}},
		{name: "15b", tags: tags("c="), after: replaced("Subject: The figures are in", "Subject: The figures\r\n are in"),
			want: []string{"msg-dkim-signature-bad", "msg-dmarc-spf-only"}},
		{name: "16", tags: tags("i=@news.example.com"), zone: strictKey(), want: []string{"msg-dkim-i-subdomain-t-s", "msg-dmarc-spf-only"}},
		{name: "17", tags: good, trace: "Authentication-Results: mx.rcpt.example; dmarc=pass header.from=example.com\n" + goodTrace,
			after: func(s string) string {
				return "Received: from pc.example.com (pc.example.com [192.0.2.77])\r\n\tby mail.example.com with ESMTPSA id 1; Mon, 3 Nov 2025 10:00:01 +0000\r\n" +
					"Authentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=a@example.com\r\n" + s
			}, want: []string{"msg-authres-position"}},
		{name: "18", tags: good, trace: "Authentication-Results: mx.rcpt.example; dmarc=pass header.from=example.com\n" + forwarder, after: footer,
			want: []string{"msg-authres-contradiction", "msg-dkim-body-hash", "msg-dmarc-fail", "msg-spf-fail"}},
		{name: "19", tags: good, after: func(s string) string { return ams("3", "pass") + ams("1", "none") + s }, want: []string{"msg-arc-fail", "msg-arc-structure"}},
		{name: "20", tags: good, after: func(s string) string { return ams("1", "pass") + s }, want: []string{"msg-arc-fail", "msg-arc-structure"}},
		{name: "21", mail: bulk, tags: tags("h=from:from:to:subject:date:message-id:list-id"),
			want: []string{"msg-bulk-oneclick-no-https", "msg-bulk-oneclick-unsigned"}},
		{name: "22", tags: tags("d=example-com.20251104.gappssmtp.com"), want: []string{"msg-dkim-unaligned", "msg-dmarc-spf-only"}},
		{name: "23", lf: true, tags: good, want: []string{}, info: []string{"msg-dmarc-pass"}},
		{name: "24", mail: strings.Replace(goodMail, "Ann <a@example.com>", "postmaster@example.com", 1), trace: strings.Replace(goodTrace, "<a@example.com>", "<>", 1),
			want: []string{"msg-dkim-none", "msg-dmarc-spf-only"}, info: []string{"msg-spf-null-sender"}},
	}
}

// strictKey takes the place of the key: t=s forbids subdomains in i=.
func strictKey() string { return txtLine("s1._domainkey.example.com.", keyText(key2048(), "t=s; ")) }

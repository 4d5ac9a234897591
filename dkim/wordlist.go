package dkim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/postseal/postseal/dns"
)

// wordlist are selectors that many domains have; every audit asks for them.
var wordlist = strings.Fields(`
	selector1 selector2 google default k1 k2 k3 s1 s2 dkim mail mandrill mte1 mte2 zendesk1 zendesk2
	fm1 fm2 fm3 protonmail protonmail2 protonmail3 zmail zoho sig1 mailjet brevo1 brevo2 resend pm cm
	kl kl2 cf2024-1 hs1 hs2 smtpapi`)

// moreWords are asked where those found nothing: first what people name their
// own keys, then the names that services have.
var moreWords = strings.Fields(`
	dkim1 key1 mx smtp email m1 dkim2 key2 s3 k4 selector dkim2048 fp01 m2 mail2 key3 dkim3
	api mg krs mailo pic pdk1 pdk2 everlytickey1 everlytickey2 ctct1 ctct2 acdkim1 acdkim2 litesrv ml
	mlsend mlsend2 cka e2ma-k1 e2ma-k2 e2ma-k3 sailthru aweber_key_a aweber_key_b aweber_key_c strong1
	strong2 intercom gor gor2 gm1 gm2 gm3 s1-ionos s2-ionos s42582890 hostingermail-a hostingermail-b
	hostingermail-c hostingermail1 titan1 titan2 secureserver1 secureserver2 mbo0001 mbo0002 mesmtp fd fs fs2 fs3 sf1
	sf2 salesforce salesforce1 sfmc 200608 mimecast mimecast20190719 pp1 proofpoint eo sender ipz1 ipz2
	rwmt1 rwmt2 dkimprovmx1 dkimprovmx2 purelymail1 purelymail2 purelymail3 zohomail mailru spacemail
	onc onc2 em em2 postal stalwart loc1 mailtop szn1 szn2 szn3 st st2 clk clk2`)

// deepWords are numbered families, key sizes and plain words, for who has time.
var deepWords = slices.Concat(
	family("selector", 3, 9), family("s", 4, 9), family("k", 5, 9), family("dk", 1, 9), family("dkim", 4, 9),
	family("key", 4, 9), family("sel", 1, 3), family("sig", 2, 3), family("default", 1, 3), family("mail", 1, 1), family("mail", 3, 3),
	family("smtp", 1, 3), strings.Fields(`
	s1024 s2048 1024 2048 rsa ed25519 ed rsa2048 spop1024 spop2048 private signer main prod server domk
	domainkey public test news marketing notify transactional newsletter mta mta1 mta2 web website www dk x y`))

// googleDates are the selectors that Google's own domains had over the years.
var googleDates = strings.Fields(`20251104 20230601 20221208 20210112 20161025 20150623 20120113`)

// family is a word with the numbers from first to last.
func family(word string, first, last int) []string {
	var list []string
	for n := first; n <= last; n++ {
		list = append(list, word+strconv.Itoa(n))
	}
	return list
}

// datedNames are selectors that carry a date, the newest first: the months of
// the last two years, then the first and the fifteenth day of each.
func datedNames(now time.Time) []string {
	if now.IsZero() {
		return nil
	}
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	var months, days []string
	for back := range 24 {
		m := first.AddDate(0, -back, 0)
		months = append(months, m.Format("200601"))
		for _, d := range []int{15, 1} {
			if day := m.AddDate(0, 0, d-1); !day.After(now) {
				days = append(days, day.Format("20060102"))
			}
		}
	}
	return slices.Concat(months, days)
}

// ownNames are selectors that follow from the domain and its mail hosts.
func ownNames(domain dns.Name, hosts []dns.Name) []string {
	var list []string
	add := func(label string) {
		if label != "" && !slices.Contains(list, label) {
			list = append(list, label)
		}
	}
	first, _, _ := strings.Cut(string(domain), ".")
	add(first)
	if org, err := publicsuffix.EffectiveTLDPlusOne(string(domain)); err == nil {
		label, _, _ := strings.Cut(org, ".")
		add(label)
	}
	for _, h := range hosts {
		if h != domain && h.IsUnder(domain) {
			label, _, _ := strings.Cut(string(h), ".")
			add(label)
		}
	}
	add(strings.ReplaceAll(string(domain), ".", "-"))
	return list[:min(len(list), 6)]
}

// siblings are the neighbours of a selector that was found: its number plus and
// minus one, and the second of a pair whose first has no number.
func siblings(name string, alias bool) []string {
	head, tail, dotted := strings.Cut(name, ".")
	if dotted {
		tail = "." + tail
	}
	word := strings.TrimRight(head, "0123456789")
	digits := head[len(word):]
	switch {
	case word == "":
		return nil // a number or a date
	case digits == "" && alias:
		return []string{word + "2" + tail}
	case digits == "":
		return nil
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n > 99 {
		return nil // not one of a few
	}
	width := 0 // of numbers that are filled up with zeros
	if digits[0] == '0' {
		width = len(digits)
	}
	var list []string
	for _, k := range []int{n + 1, n - 1} {
		if k > 0 {
			list = append(list, fmt.Sprintf("%s%0*d%s", word, width, k, tail))
		}
	}
	return list
}

// dateIn is the last day of the date that a selector carries: YYYYMMDD, perhaps
// with a time of day behind it, or YYYYMM, with or without hyphens.
func dateIn(name string, now time.Time) (time.Time, bool) {
	plain := strings.NewReplacer("-", "", "_", "").Replace(name)
	for _, text := range []string{name, plain} {
		for _, run := range strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
			day, end := "", false
			switch len(run) {
			case 14, 12, 8:
				day = run[:8]
			case 6:
				day, end = run+"01", true
			default:
				continue
			}
			t, err := time.Parse("20060102", day)
			if err != nil || t.Year() < 2004 || t.After(now) {
				continue // before DKIM, or not a date at all
			}
			if end {
				t = t.AddDate(0, 1, -1)
			}
			return t, true
		}
	}
	return time.Time{}, false
}

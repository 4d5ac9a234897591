package report

import (
	"slices"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
)

// cell is one square of a matrix: a state as symbol and word, and a detail.
type cell struct {
	Tone, Symbol, Word, Detail string

	Quiet bool // the word is for screen readers: the cell has nothing to say
}

func toned(s state, word, detail string) cell {
	return cell{Tone: s.Code, Symbol: s.Symbol, Word: word, Detail: clip(Escape(detail), 160)}
}

// matrixView is what each address of each mail host shows.
type matrixView struct {
	Note string
	Rows []matrixRow
	Told bool   // whether a handshake finished somewhere: else the TLS columns are left out
	Old  string // says that older versions were not asked for, "" where they were

	Submission []matrixRow // the ports for people's own programs, where one was asked
}

type matrixRow struct {
	Labels  []string // of the host: its name may break between them
	Address string

	Reach, STARTTLS   cell
	TLS13, TLS12, Old cell
	Name, Chain, End  cell
	DANE, STS, PQ     cell
	P465, P587        cell
}

// matrixRows bounds hosts × addresses on a page.
const matrixRows = 60

// tlsMatrix shows each address of each mail host: port 25 in full, the
// submission ports in one cell each.
func (w words) tlsMatrix(r *Report, v *starttlsView) *matrixView {
	if v == nil {
		return nil
	}
	m := &matrixView{}
	switch {
	case v.NoHosts != "":
		m.Note = w.or("no-hosts", v.NoHosts, Escape(v.NoHosts))
	case v.Blocked:
		m.Note = w.t("matrix.blocked")
	}
	for _, h := range v.Hosts {
		if h == nil {
			continue
		}
		byAddr := map[string]map[int]*sessionView{}
		var order []string
		for _, s := range h.Sessions {
			if s == nil {
				continue
			}
			if byAddr[s.Addr] == nil {
				byAddr[s.Addr] = map[int]*sessionView{}
				order = append(order, s.Addr)
			}
			byAddr[s.Addr][s.Port] = s
		}
		dane, sts := w.daneCell(r, h.Name), w.stsCell(r, h.Name)
		for _, addr := range order {
			if len(m.Rows) == matrixRows {
				return m
			}
			row := matrixRow{Labels: strings.Split(clip(Escape(h.Name), 260), "."), Address: Escape(addr), DANE: dane, STS: sts}
			at := byAddr[addr]
			w.session(r, at[25], &row)
			if s := at[25]; s != nil && s.TLS != nil {
				m.Told = true
				if s.Handshakes == nil {
					m.Old = w.t("matrix.not-asked")
				}
			}
			if asked(at[465]) || asked(at[587]) {
				row.P465, row.P587 = w.port(r, at[465]), w.port(r, at[587])
				m.Submission = append(m.Submission, row)
			}
			m.Rows = append(m.Rows, row)
		}
	}
	if len(m.Rows) == 0 && m.Note == "" {
		return nil
	}
	return m
}

func asked(s *sessionView) bool { return s != nil && s.Status != "not-asked" }

// blank is a cell that has nothing to show: the one before it told why.
func (w words) blank() cell {
	c := toned(stateNone, w.t("cell.nothing"), "")
	c.Quiet = true
	return c
}

// session fills in what port 25 of an address shows.
func (w words) session(r *Report, s *sessionView, row *matrixRow) {
	for _, c := range []*cell{&row.Reach, &row.STARTTLS, &row.TLS13, &row.TLS12, &row.Old, &row.Name, &row.Chain, &row.End, &row.PQ} {
		*c = w.blank()
	}
	if s == nil {
		return
	}
	row.Reach = w.reach(s)
	if s.Status != "ok" && s.TLS == nil && s.STARTTLS == "" {
		return
	}
	switch s.STARTTLS {
	case "offered", "implicit":
		row.STARTTLS = toned(stateOK, w.t("cell.starttls."+s.STARTTLS), "")
	case "temporary":
		row.STARTTLS = toned(stateUnknown, w.t("cell.starttls.temporary"), "")
	case "missing", "refused", "injected":
		row.STARTTLS = toned(stateError, w.t("cell.starttls."+s.STARTTLS), "")
		return
	}
	if s.TLS == nil && s.TLSError != "" {
		row.STARTTLS = toned(stateError, w.t("cell.handshake-failed"), s.TLSError)
		return
	}
	w.versions(s, row)
	w.certCells(r, s, row)
}

// versions tells which versions of TLS an address speaks: the one agreed on
// when all were offered, and those of handshakes that offered less.
func (w words) versions(s *sessionView, row *matrixRow) {
	if s.TLS == nil {
		return
	}
	yes, no := toned(stateOK, w.t("cell.yes"), ""), toned(stateNone, w.t("cell.no"), "")
	spoken := map[string]bool{s.TLS.Version: true}
	results := map[string]string{}
	if s.Handshakes != nil {
		for _, h := range s.Handshakes.Tried {
			results[h.Kind] = h.Result
			if h.Result == "accepted" {
				spoken[h.Version] = true
			}
		}
	}
	switch {
	case spoken["TLS 1.3"]:
		row.TLS13 = yes
	case !s.Fallback: // offered, and the server chose less
		row.TLS13 = no
	}
	switch {
	case spoken["TLS 1.2"]:
		row.TLS12 = yes
	case results["tls-1-2"] == "refused":
		row.TLS12 = no
	}
	var old []string
	for _, v := range []string{"TLS 1.1", "TLS 1.0", "SSL 3.0", "SSL 2.0"} {
		if spoken[v] {
			old = append(old, v)
		}
	}
	switch {
	case len(old) > 0:
		row.Old = toned(stateWarning, strings.Join(old, ", "), "")
	case results["tls-1-1"] == "refused" && results["tls-1-0"] == "refused":
		row.Old = toned(stateOK, w.t("cell.no"), "")
	}
	switch {
	case strings.Contains(s.TLS.Group, "MLKEM"):
		row.PQ = toned(stateOK, w.t("cell.yes"), s.TLS.Group)
	case s.TLS.Group != "":
		row.PQ = toned(stateNone, w.t("cell.no"), s.TLS.Group)
	}
}

// reach tells "the server" from "our way there": what kept us from looking is
// unknown, never a fault.
func (w words) reach(s *sessionView) cell {
	word := w.or("session", s.Status, Escape(s.Status))
	switch s.Status {
	case "ok":
		return toned(stateOK, word, w.duration(s.TookMS))
	case "special-address", "protocol", "greeting-refused":
		return toned(stateError, word, s.Detail)
	default:
		return toned(stateUnknown, word, s.Detail)
	}
}

// certCells shows what is to be seen of the certificate: its name, who vouches
// for it, and until when. The verdict names the first fault of this order:
// self-signed, unknown issuer, out of date, name.
func (w words) certCells(r *Report, s *sessionView, row *matrixRow) {
	c := s.Certificate
	if c == nil {
		return
	}
	switch c.Verdict {
	case "unparsable":
		row.Name = toned(stateError, w.t("cert.unparsable"), "")
		return
	case "self-signed", "untrusted":
		row.Chain = toned(stateWarning, w.or("cert", c.Verdict, Escape(c.Verdict)), issuer(c.Issuer))
	default:
		row.Chain = toned(stateOK, w.t("cert.ok"), issuer(c.Issuer))
	}
	switch {
	case c.Verdict == "ok" || covers(c.Names, s.Host):
		row.Name = toned(stateOK, w.t("cell.fits"), "")
	case len(c.Names) > 0:
		row.Name = toned(stateWarning, w.t("cert.name"), c.Names[0])
	case c.Verdict == "name" || c.Verdict == "cn-only":
		row.Name = toned(stateWarning, w.t("cert.name"), "")
	}
	if !c.NotAfter.IsZero() {
		row.End = w.expiry(r, c.NotAfter)
	}
}

func (w words) expiry(r *Report, end time.Time) cell {
	days := int(end.Sub(r.StartedAt).Hours()) / 24
	switch {
	case end.Before(r.StartedAt):
		return toned(stateError, w.date(end), w.t("cell.expired"))
	case days < 14:
		return toned(stateWarning, w.date(end), w.count("days", days))
	default:
		return toned(stateOK, w.date(end), w.count("days", days))
	}
}

// covers tells whether one of a certificate's names is the host's, where a star
// stands for one label (RFC 6125 §6.4.3).
func covers(names []string, host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, parent, _ := strings.Cut(host, ".")
	return slices.ContainsFunc(names, func(n string) bool {
		n = strings.ToLower(strings.TrimSuffix(n, "."))
		return n == host || parent != "" && n == "*."+parent
	})
}

// daneCell tells what TLSA records do for a host: found, secure, and no finding
// says that they do not fit.
func (w words) daneCell(r *Report, host string) cell {
	v := factsOf[daneView](r, "dane")
	if v == nil {
		return w.blank()
	}
	for _, h := range v.Hosts {
		if h == nil || !strings.EqualFold(h.Name, host) {
			continue
		}
		switch {
		case h.Lookup.State == "unknown":
			return toned(stateUnknown, w.t("state.unknown"), "")
		case h.Lookup.State != "found":
			return toned(stateNone, w.t("cell.none"), "")
		case h.Secure == "no":
			return toned(stateWarning, w.t("cell.insecure"), "")
		case h.Secure != "yes":
			return toned(stateUnknown, w.t("cell.secure-unknown"), "")
		}
		if res, f := worstAbout(r, check.DANE, host); f != nil && f.Severity >= check.Warning {
			return toned(severityState(f.Severity), w.severity(f.Severity), res.ID)
		}
		kind := ""
		if h.Lookup.Answer != nil && len(h.Lookup.Answer.Records) > 0 {
			if d := strings.Fields(h.Lookup.Answer.Records[0].Data); len(d) >= 3 {
				kind = strings.Join(d[:3], " ")
			}
		}
		return toned(stateOK, w.t("cell.fits"), kind)
	}
	return w.blank()
}

// worstAbout finds the worst finding of a standard about a host or a name below it.
func worstAbout(r *Report, std check.Standard, host string) (worstIn *Result, worst *Finding) {
	for i := range r.Results {
		res := &r.Results[i]
		if res.Standard != std {
			continue
		}
		for j := range res.Findings {
			f := &res.Findings[j]
			subject := strings.TrimSuffix(strings.ToLower(f.Subject), ".")
			subject, _, _ = strings.Cut(subject, ":")
			name := strings.TrimSuffix(strings.ToLower(host), ".")
			if f.Ignored == nil && (subject == name || strings.HasSuffix(subject, "."+name)) && (worst == nil || f.Severity > worst.Severity) {
				worstIn, worst = res, f
			}
		}
	}
	return worstIn, worst
}

// stsCell tells whether a name of the MTA-STS policy covers the host.
func (w words) stsCell(r *Report, host string) cell {
	v := factsOf[stsView](r, "mta-sts")
	if v == nil || v.Policy == nil {
		return w.blank()
	}
	for _, h := range v.Hosts {
		switch {
		case !strings.EqualFold(strings.TrimSuffix(h.MX, "."), strings.TrimSuffix(host, ".")):
		case h.Matches != "":
			return toned(stateOK, w.t("cell.yes"), "")
		default:
			return toned(stateError, w.t("cell.no"), "")
		}
	}
	return w.blank()
}

// issuer is the common name in a distinguished name, which is what people call
// an authority by, or all of the name where it has none.
func issuer(dn string) string {
	for part := range strings.SplitSeq(dn, ",") {
		if cn, ok := strings.CutPrefix(strings.TrimSpace(part), "CN="); ok && !strings.HasSuffix(cn, `\`) {
			return cn
		}
	}
	return strings.ReplaceAll(dn, ",", ", ")
}

// port sums up a submission port.
func (w words) port(r *Report, s *sessionView) cell {
	if !asked(s) {
		return w.blank()
	}
	if s.Status != "ok" {
		if s.Status == "refused" || s.Status == "silent" {
			return toned(stateNone, w.or("session", s.Status, s.Status), "")
		}
		return w.reach(s)
	}
	if s.TLS == nil {
		return toned(stateError, w.t("cell.no-tls"), s.TLSError)
	}
	var row matrixRow
	w.certCells(r, s, &row)
	for _, c := range []cell{row.End, row.Chain, row.Name} {
		if c.Tone == stateError.Code || c.Tone == stateWarning.Code {
			word := c.Word
			if c == row.End {
				word = w.t("cell.ends", "Date", c.Word)
			}
			return cell{Tone: c.Tone, Symbol: c.Symbol, Word: Escape(s.TLS.Version) + ", " + word, Detail: c.Detail}
		}
	}
	st := stateOK
	if v := s.TLS.Version; v != "TLS 1.3" && v != "TLS 1.2" {
		st = stateError
	}
	return toned(st, Escape(s.TLS.Version), "")
}

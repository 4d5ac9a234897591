package report

import "strings"

// cell is one square of a matrix: a state as symbol and word, and a detail.
type cell struct {
	Tone, Symbol, Word, Detail string

	Quiet bool // the word is for screen readers: the cell has nothing to say
}

func toned(s state, word, detail string) cell {
	return cell{Tone: s.Code, Symbol: s.Symbol, Word: word, Detail: clip(Escape(detail), 160)}
}

type matrixView struct {
	Note string
	Rows []matrixRow
}

type matrixRow struct {
	Labels                          []string // of the host: its name may break between them
	Address                         string
	Reach, STARTTLS, TLS, Cert, End cell
	P465, P587                      cell
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
		for _, addr := range order {
			if len(m.Rows) == matrixRows {
				return m
			}
			row := matrixRow{Labels: strings.Split(clip(Escape(h.Name), 260), "."), Address: Escape(addr)}
			row.Reach, row.STARTTLS, row.TLS, row.Cert, row.End = w.session(r, byAddr[addr][25])
			row.P465, row.P587 = w.port(r, byAddr[addr][465]), w.port(r, byAddr[addr][587])
			m.Rows = append(m.Rows, row)
		}
	}
	if len(m.Rows) == 0 && m.Note == "" {
		return nil
	}
	return m
}

// blank is a cell that has nothing to show: the one before it told why.
func (w words) blank() cell {
	c := toned(stateNone, w.t("cell.nothing"), "")
	c.Quiet = true
	return c
}

func (w words) session(r *Report, s *sessionView) (reach, starttls, tls, cert, end cell) {
	none := w.blank()
	if s == nil {
		return none, none, none, none, none
	}
	reach = w.reach(s)
	starttls, tls, cert, end = none, none, none, none
	if s.Status != "ok" && s.TLS == nil && s.STARTTLS == "" {
		return
	}
	switch s.STARTTLS {
	case "offered", "implicit":
		starttls = toned(stateOK, w.t("cell.starttls."+s.STARTTLS), "")
	case "temporary":
		starttls = toned(stateUnknown, w.t("cell.starttls.temporary"), "")
	case "missing", "refused", "injected":
		starttls = toned(stateError, w.t("cell.starttls."+s.STARTTLS), "")
	}
	if starttls.Tone == stateError.Code {
		return
	}
	tls = w.tlsCell(s)
	cert, end = w.certCells(r, s)
	return
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

func (w words) tlsCell(s *sessionView) cell {
	if s.TLS == nil {
		if s.TLSError == "" {
			return w.blank()
		}
		return toned(stateError, w.t("cell.handshake-failed"), s.TLSError)
	}
	st := stateOK
	if v := s.TLS.Version; v != "TLS 1.3" && v != "TLS 1.2" {
		st = stateError
	}
	return toned(st, Escape(s.TLS.Version), strings.TrimSpace(strings.TrimPrefix(s.TLS.Suite, "TLS_")+" "+s.TLS.Group))
}

func (w words) certCells(r *Report, s *sessionView) (cert, end cell) {
	c := s.Certificate
	if c == nil {
		return w.blank(), w.blank()
	}
	st := stateWarning
	switch c.Verdict {
	case "ok":
		st = stateOK
	case "expired", "unparsable":
		st = stateError
	}
	cert = toned(st, w.or("cert", c.Verdict, Escape(c.Verdict)), issuer(c.Issuer))
	if c.NotAfter.IsZero() {
		return cert, w.blank()
	}
	days := int(c.NotAfter.Sub(r.StartedAt).Hours()) / 24
	switch {
	case c.NotAfter.Before(r.StartedAt):
		end = toned(stateError, w.date(c.NotAfter), w.t("cell.expired"))
	case days < 14:
		end = toned(stateWarning, w.date(c.NotAfter), w.count("days", days))
	default:
		end = toned(stateOK, w.date(c.NotAfter), w.count("days", days))
	}
	return cert, end
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
	if s == nil || s.Status == "not-asked" {
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
	c := w.tlsCell(s)
	if s.Certificate != nil && c.Tone == stateOK.Code {
		cert, _ := w.certCells(r, s)
		if cert.Tone != stateOK.Code {
			return cell{Tone: cert.Tone, Symbol: cert.Symbol, Word: c.Word + ", " + cert.Word, Detail: cert.Detail}
		}
	}
	c.Detail = ""
	return c
}

package report

import (
	"strings"
	"time"
)

// bimiView is what the page shows of BIMI. The logo itself is never drawn: it
// is a stranger's document.
type bimiView struct {
	RecordName  string   `json:"record_name"`
	Records     []string `json:"records"`
	LogoURL     string   `json:"logo_url"`
	EvidenceURL string   `json:"evidence_url"`
	Logo        *struct {
		SVG *struct {
			Size   int    `json:"size"`
			SHA256 string `json:"sha256"`
			Title  string `json:"title"`
			Width  string `json:"width"`
			Height string `json:"height"`
		} `json:"svg"`
	} `json:"logo"`
	Evidence *struct {
		Subject  string    `json:"subject"`
		Issuer   string    `json:"issuer"`
		NotAfter time.Time `json:"not_after"`
		MarkType string    `json:"mark_type"`
		Names    []string  `json:"names"`
	} `json:"evidence"`
}

func (w words) bimiDetails(c *cardView, v *bimiView) {
	if v == nil {
		return
	}
	c.fact(w.t("bimi.logo"), v.LogoURL)
	if v.Logo != nil && v.Logo.SVG != nil {
		svg := v.Logo.SVG
		c.fact(w.t("bimi.logo-title"), svg.Title)
		if svg.Width != "" && svg.Height != "" {
			c.fact(w.t("bimi.logo-size"), svg.Width+" × "+svg.Height)
		}
		c.fact("SHA-256", svg.SHA256)
	}
	c.fact(w.t("bimi.certificate"), v.EvidenceURL)
	if e := v.Evidence; e != nil && e.Issuer != "" {
		c.fact(w.t("bimi.issuer"), e.Issuer)
		c.fact(w.t("bimi.mark"), e.MarkType)
		c.fact(w.t("bimi.names"), strings.Join(e.Names, ", "))
		c.fact(w.t("bimi.valid-until"), w.date(e.NotAfter))
	}
}

package report

import (
	"encoding/json"
	"time"
)

// The views below read of each standard's facts just what the page shows, by
// the names of the JSON contract. A saved result of another minor version, or
// none at all, leaves fields empty, and what is empty is not shown.

type lookupView struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Answer *struct {
		AD      bool `json:"ad"`
		Trusted bool `json:"trusted"`
		Records []struct {
			Data string `json:"data"`
		} `json:"records"`
	} `json:"answer"`
}

type spfView struct {
	Domain  string   `json:"domain"`
	Records []string `json:"records"`
	Tree    *struct {
		Domain  string `json:"domain"`
		Record  string `json:"record"`
		Lookups int    `json:"lookups"`
		Open    bool   `json:"open"`
		Voids   struct {
			IPv4 int `json:"ipv4"`
			IPv6 int `json:"ipv6"`
		} `json:"voids"`
		Terms     []*spfTerm `json:"terms"`
		Addresses struct {
			IPv4 string   `json:"ipv4"`
			IPv6 []string `json:"ipv6"`
		} `json:"addresses"`
	} `json:"tree"`
}

type spfTerm struct {
	Term     string     `json:"term"`
	Cost     int        `json:"cost"`
	Running  int        `json:"running"`
	Status   string     `json:"status"`
	Target   string     `json:"target"`
	Provider string     `json:"provider"`
	Children []*spfTerm `json:"children"`
}

type dkimView struct {
	Domain    string   `json:"domain"`
	Node      string   `json:"node"`
	Tried     []string `json:"tried"`
	Providers []string `json:"providers"`
	Selectors []*struct {
		Name    string `json:"selector"`
		FoundBy string `json:"found_by"`
		Status  string `json:"status"`
		KeyType string `json:"key_type"`
		Bits    int    `json:"bits"`
		Record  string `json:"record"`
		CNAME   string `json:"cname"`
		Testing bool   `json:"testing"`
	} `json:"selectors"`
}

type dmarcPolicy struct {
	Policy  string `json:"policy"`
	Tag     string `json:"tag"`
	Testing bool   `json:"testing"`
	Known   *bool  `json:"known"`

	Published  string `json:"published"`
	PolicyName string `json:"policy_name"`
}

type dmarcView struct {
	Domain               string `json:"domain"`
	OrganizationalDomain string `json:"organizational_domain"`
	PolicyName           string `json:"policy_name"`
	PolicyRecord         string `json:"policy_record"`
	Known                bool   `json:"known"`
	Steps                []*struct {
		Name    string   `json:"name"`
		Status  string   `json:"status"`
		Records []string `json:"records"`
		Kept    bool     `json:"kept"`
		Code    string   `json:"code"`
		Note    string   `json:"note"`
	} `json:"steps"`
	Effective *struct {
		Domain      dmarcPolicy `json:"domain"`
		Subdomain   dmarcPolicy `json:"subdomain"`
		Nonexistent dmarcPolicy `json:"nonexistent"`
	} `json:"effective"`
	RFC7489 *struct {
		OrganizationalDomain string `json:"organizational_domain"`
		PolicyName           string `json:"policy_name"`
		Policy               string `json:"policy"`
		Known                *bool  `json:"known"`
		Subdomain            string `json:"subdomain"`
		SubdomainKnown       *bool  `json:"subdomain_known"`
		Pct                  *int   `json:"pct"`
	} `json:"rfc7489"`
	Destinations []*struct {
		Tag        string `json:"tag"`
		URI        string `json:"uri"`
		External   bool   `json:"external"`
		Authorized string `json:"authorized"`
	} `json:"destinations"`
}

type stsView struct {
	Domain  string   `json:"domain"`
	Records []string `json:"records"`
	Record  string   `json:"record"`
	Valid   bool     `json:"valid"`
	Fetch   *struct {
		URL    string `json:"url"`
		Status int    `json:"status"`
		Error  string `json:"error"`
		Detail string `json:"detail"`
		Text   string `json:"body"`
	} `json:"fetch"`
	Policy *struct {
		Mode   string   `json:"mode"`
		MaxAge int64    `json:"max_age"`
		MX     []string `json:"mx"`
	} `json:"policy"`
	Hosts []struct {
		MX      string `json:"mx"`
		Matches string `json:"matches"`
	} `json:"hosts"`
}

type tlsrptView struct {
	Domain  string   `json:"domain"`
	Records []string `json:"records"`
	RUA     []string `json:"rua"`
	Valid   bool     `json:"valid"`
}

type mxView struct {
	Domain   string     `json:"domain"`
	Lookup   lookupView `json:"lookup"`
	Null     bool       `json:"null"`
	Implicit bool       `json:"implicit"`
	Hosts    []*struct {
		Name       string     `json:"name"`
		Preference int        `json:"preference"`
		A          lookupView `json:"a"`
		AAAA       lookupView `json:"aaaa"`
		Addresses  []struct {
			IP      string `json:"ip"`
			Special string `json:"special"`
		} `json:"addresses"`
	} `json:"hosts"`
	NameServers struct {
		Zone  string `json:"zone"`
		Agree string `json:"agree"`
		Hosts []struct {
			Name   string `json:"name"`
			Serial uint32 `json:"serial"`
			Error  string `json:"error"`
		} `json:"hosts"`
	} `json:"name_servers"`
}

type daneView struct {
	Hosts []*struct {
		Name   string     `json:"host"`
		Lookup lookupView `json:"lookup"`
		Secure string     `json:"secure"`
	} `json:"hosts"`
}

type starttlsView struct {
	NoHosts string `json:"no_hosts"`
	Blocked bool   `json:"blocked"`
	Hosts   []*struct {
		Name     string         `json:"host"`
		Sessions []*sessionView `json:"sessions"`
	} `json:"hosts"`
}

type sessionView struct {
	Host     string `json:"host"`
	Addr     string `json:"address"`
	Port     int    `json:"port"`
	Status   string `json:"status"`
	Detail   string `json:"detail"`
	STARTTLS string `json:"starttls"`
	TLS      *struct {
		Version string `json:"version"`
		Suite   string `json:"suite"`
		Group   string `json:"group"`
	} `json:"tls"`
	TLSError    string `json:"tls_error"`
	Certificate *struct {
		Subject  string    `json:"subject"`
		Issuer   string    `json:"issuer"`
		NotAfter time.Time `json:"not_after"`
		Names    []string  `json:"names"`
		Verdict  string    `json:"verdict"`
	} `json:"certificate"`
	Handshakes *struct {
		Tried []struct {
			Kind    string `json:"kind"`
			Result  string `json:"result"` // accepted, refused, untold
			Version string `json:"version"`
		} `json:"tried"`
	} `json:"handshakes"` // nil unless more than one was asked for
	Fallback   bool `json:"fallback"`
	Transcript []struct {
		From string  `json:"from"`
		Text string  `json:"text"`
		MS   float64 `json:"ms"`
	} `json:"transcript"`
	TookMS float64 `json:"took_ms"`
}

type dnssecView struct {
	State     string `json:"state"`
	Cause     string `json:"cause"`
	Validated bool   `json:"validated"`
	Method    string `json:"method"`
	Resolver  string `json:"resolver"`
	Names     []struct {
		Name  string `json:"name"`
		What  string `json:"what"`
		State string `json:"state"`
	} `json:"names"`
}

// factsOf reads the view of one standard, nil when there is none. A part that
// has another shape than expected costs that view, never the page.
func factsOf[V any](r *Report, standard string) *V {
	raw := r.Facts[standard]
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	v := new(V)
	if err := json.Unmarshal(raw, v); err != nil {
		return nil
	}
	return v
}

package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
)

// WritePrometheus writes gauges in the text exposition format, for the textfile
// collector of a node exporter. A metric whose value is not known is left out:
// zero would be a value.
func WritePrometheus(w io.Writer, d *Document) error {
	d = Normalise(d)
	p := &exposition{}
	p.metric("postseal_up", "1 where the audit came to its end, 0 where it was cut short.", d, func(r *Report, add sample) {
		add(boolean(!r.Incomplete && r.Error == ""))
	})
	p.metric("postseal_last_run_timestamp_seconds", "When the audit began, in Unix time.", d, func(r *Report, add sample) {
		add(float64(r.StartedAt.Unix()))
	})
	p.metric("postseal_score", "Score of 100; absent where too little was measured for a grade.", d, func(r *Report, add sample) {
		if !ungraded(r) {
			add(float64(r.Score.Value))
		}
	})
	p.metric("postseal_grade_info", "1 for the grade that the domain has.", d, func(r *Report, add sample) {
		if !ungraded(r) {
			add(1, "grade", r.Score.Grade)
		}
	})
	p.metric("postseal_measured_ratio", "Share of the score's points that could be measured.", d, func(r *Report, add sample) {
		add(float64(r.Score.Coverage) / 100)
	})
	p.metric("postseal_findings", "Findings that nobody accepted, by severity.", d, func(r *Report, add sample) {
		n := openFindings(r)
		for _, s := range severities {
			add(float64(n[s]), "severity", s.String())
		}
	})
	p.metric("postseal_check_ok", "1 where a rule passes, 0 where it fails; absent where it was not measured or does not apply.", d, func(r *Report, add sample) {
		for i := range r.Results {
			if res := &r.Results[i]; res.Status == check.Pass || res.Status == check.Fail {
				add(boolean(res.Status == check.Pass), "rule", res.ID)
			}
		}
	})
	p.metric("postseal_spf_lookups", "DNS look-ups that the SPF record costs, of ten.", d, func(r *Report, add sample) {
		if n, ok := spfLookups(r); ok {
			add(float64(n))
		}
	})
	p.metric("postseal_dkim_key_bits", "Size of the DKIM key at a selector.", d, func(r *Report, add sample) {
		if v := factsOf[dkimView](r, "dkim"); v != nil {
			for _, s := range v.Selectors {
				if s.Bits > 0 {
					add(float64(s.Bits), "selector", s.Name)
				}
			}
		}
	})
	p.metric("postseal_mx_cert_expiry_timestamp_seconds", "When the first certificate of a mail host expires, in Unix time.", d, func(r *Report, add sample) {
		v := factsOf[starttlsView](r, "starttls")
		if v == nil {
			return
		}
		for _, h := range v.Hosts {
			var first time.Time
			for _, s := range h.Sessions {
				if c := s.Certificate; s.Port == 25 && c != nil && !c.NotAfter.IsZero() && (first.IsZero() || c.NotAfter.Before(first)) {
					first = c.NotAfter
				}
			}
			if !first.IsZero() {
				add(float64(first.Unix()), "mx", h.Name)
			}
		}
	})
	_, err := io.WriteString(w, p.b.String())
	return err
}

// spfLookups is what the record of the domain costs, where its tree is known.
func spfLookups(r *Report) (int, bool) {
	v := factsOf[spfView](r, "spf")
	if v == nil || v.Tree == nil || v.Tree.Open {
		return 0, false
	}
	return v.Tree.Lookups, true
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// sample adds a value of the domain at hand, with further labels in pairs.
type sample func(value float64, labels ...string)

type exposition struct{ b strings.Builder }

// metric writes one family: what it is and then all its samples, as the format
// asks. A family without samples is not written.
func (p *exposition) metric(name, help string, d *Document, of func(*Report, sample)) {
	said := map[string]bool{} // the format forbids the same labels twice
	for _, r := range d.Reports {
		of(r, func(value float64, labels ...string) {
			all := `domain="` + labelValue(r.Domain) + `"`
			for i := 0; i+1 < len(labels); i += 2 {
				all += "," + labels[i] + `="` + labelValue(labels[i+1]) + `"`
			}
			if said[all] {
				return
			}
			if len(said) == 0 {
				fmt.Fprintf(&p.b, "# HELP %s %s\n# TYPE %[1]s gauge\n", name, help)
			}
			said[all] = true
			fmt.Fprintf(&p.b, "%s{%s} %s\n", name, all, strconv.FormatFloat(value, 'f', -1, 64))
		})
	}
}

func labelValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(Escape(s))
}

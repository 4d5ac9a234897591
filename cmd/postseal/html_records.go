package main

import (
	"fmt"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/publish"
	"github.com/postseal/postseal/report"
)

// recordFormats are the ways in which a page writes down what it says to
// publish: those of generate, without JSON, which a page has no use for.
func recordFormats(l *locale.Localizer) []report.RecordFormat {
	var list []report.RecordFormat
	for _, f := range genFormats {
		if f.name == "json" {
			continue
		}
		list = append(list, report.RecordFormat{Name: f.name, Title: l.Text("htmlrecords."+f.name, nil), Write: func(domain string, changes []check.RecordChange, there func(string) ([]string, bool)) (string, error) {
			set := changeSet(l, domain, changes, there)
			if len(set.Records) == 0 {
				return "", nil
			}
			var b strings.Builder
			if err := f.write(&b, set); err != nil {
				return "", fmt.Errorf("writing %s: %w", f.name, err)
			}
			return b.String(), nil
		}})
	}
	return list
}

// changeSet is what the changes publish. A record that goes and has no follower
// is not in it: taking away is nothing that every format can say.
func changeSet(l *locale.Localizer, domain string, changes []check.RecordChange, there func(string) ([]string, bool)) *publish.Set {
	name := dns.FromPresentation(domain)
	set := &publish.Set{Zone: name.FQDN(), Words: recordWords(l, name)}
	for _, c := range changes {
		for _, value := range c.New {
			rec, err := publish.TXT(c.Name, value, "")
			if err != nil {
				continue // not plain ASCII: no record can hold it
			}
			if texts, ok := there(c.Name); ok {
				rec.Live = texts
			}
			set.Records = append(set.Records, rec)
		}
	}
	return set
}

// recordWords are the notes of the formats in a language.
func recordWords(l *locale.Localizer, name dns.Name) publish.Words {
	return publish.Words{
		Host:   l.Text("gen.plain-host", check.Params{"Domain": name.String()}),
		Parts:  l.Text("gen.plain-parts", nil),
		Whole:  l.Text("gen.set-whole", nil),
		Unseen: l.Text("gen.set-unseen", nil),
		Done:   l.Text("gen.set-done", nil),
		Other:  l.Text("gen.set-other", nil),
	}
}

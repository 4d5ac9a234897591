package report

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
)

// Limits of GitHub's code scanning.
const (
	sarifResults  = 25_000 // more are refused
	sarifText     = 1024   // characters of a rule's texts
	rulesHomepage = "https://github.com/postseal/postseal/blob/main/docs/rules/"
)

// SARIFOptions say how WriteSARIF writes.
type SARIFOptions struct {
	Lang  string
	Rules []*check.Meta // every rule there is, so that alerts of rules that pass again close

	// Grave tells rules whose finding holds the score below 40.
	Grave func(rule string) bool

	// Suppressed puts accepted findings in, marked as suppressed. Code scanning
	// of GitHub does not read the mark and would show them as alerts.
	Suppressed bool

	// Category tells runs of different configurations apart; "" is "audit".
	Category string
}

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	AutomationDetails struct {
		ID string `json:"id"`
	} `json:"automationDetails"`
	Invocations []sarifInvocation `json:"invocations"`
	ColumnKind  string            `json:"columnKind"`
	Results     []sarifResult     `json:"results"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	ExitCode      int                 `json:"exitCode"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level   string       `json:"level"`
	Message sarifMessage `json:"message"`
}

type sarifDriver struct {
	Name            string      `json:"name"`
	SemanticVersion string      `json:"semanticVersion,omitempty"`
	Version         string      `json:"version"`
	InformationURI  string      `json:"informationUri"`
	Rules           []sarifRule `json:"rules"`
}

type sarifMessage struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifRule struct {
	ID               string          `json:"id"`
	Name             string          `json:"name"`
	ShortDescription sarifMessage    `json:"shortDescription"`
	FullDescription  sarifMessage    `json:"fullDescription"`
	Help             sarifMessage    `json:"help"`
	HelpURI          string          `json:"helpUri"`
	Configuration    sarifLevel      `json:"defaultConfiguration"`
	Properties       sarifProperties `json:"properties"`
}

type sarifLevel struct {
	Level string `json:"level"`
}

type sarifProperties struct {
	Tags             []string `json:"tags"`
	Precision        string   `json:"precision"`
	SecuritySeverity string   `json:"security-severity,omitempty"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Level        string             `json:"level"`
	Message      sarifMessage       `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

type sarifLocation struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region sarifRegion `json:"region"`
	} `json:"physicalLocation"`
	Logical []sarifLogical `json:"logicalLocations"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn"`
	EndLine     int `json:"endLine"`
	EndColumn   int `json:"endColumn"`
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}

var sarifLevels = map[check.Severity]string{check.Error: "error", check.Warning: "warning", check.Notice: "note", check.Info: "note"}

// WriteSARIF writes SARIF 2.1.0 in the form that code scanning services take:
// one run for all domains, every rule, an empty list of results where nothing
// is wrong, and for each result one relative path with a line. Of more results
// than a service takes the mildest are left out, which a notification says.
func WriteSARIF(w io.Writer, d *Document, opts SARIFOptions) error {
	d = Normalise(d)
	words := wordsFor(opts.Lang, d)
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{
		Name: d.Tool.Name, Version: d.Tool.Version, SemanticVersion: semantic(d.Tool.Version), InformationURI: "https://github.com/postseal/postseal", Rules: []sarifRule{},
	}
	index := map[string]int{}
	for _, m := range opts.Rules {
		index[m.ID] = len(run.Tool.Driver.Rules)
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, words.sarifRule(m, opts.Grave))
	}
	list := flatFindings(d, opts.Suppressed)
	// A result of a version whose rules are not these still names a rule.
	for _, f := range list {
		if _, ok := index[f.res.ID]; !ok {
			index[f.res.ID] = len(run.Tool.Driver.Rules)
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, words.sarifRule(&check.Meta{
				ID: f.res.ID, Title: f.res.Title, Doc: f.res.Why, Severity: f.res.Severity, Standard: f.res.Standard, Refs: f.res.Refs,
			}, opts.Grave))
		}
	}
	inv := sarifInvocation{Successful: true, ExitCode: d.Exit.Code}
	note := func(text string) {
		inv.Notifications = append(inv.Notifications, sarifNotification{"warning", sarifMessage{Text: text}})
	}
	for _, r := range d.Reports {
		if r.Error != "" {
			note(Escape(r.Domain) + ": " + words.t("incomplete", "Error", Escape(r.Error)))
		}
	}
	if more := len(list) - sarifResults; more > 0 {
		list = worstOfAll(list)[:sarifResults]
		note(words.count("sarif.more", more))
	}
	for _, f := range list {
		run.Results = append(run.Results, words.sarifResult(f, index))
	}
	category, date := opts.Category, ""
	if category == "" {
		category = "audit"
	}
	if len(d.Reports) > 0 {
		date = d.Reports[0].StartedAt.UTC().Format("2006-01-02")
	}
	run.AutomationDetails.ID = "postseal/" + category + "/" + date
	run.Invocations = []sarifInvocation{inv}
	return EncodeJSON(w, sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

func (w words) sarifRule(m *check.Meta, grave func(string) bool) sarifRule {
	title, doc := m.Title, m.Doc
	if _, ok := w.Lookup(m.ID+".title", nil); ok {
		title = w.Title(m)
	}
	if t, ok := w.Lookup(m.ID+".doc", nil); ok {
		doc = t
	}
	doc = strings.TrimSpace(doc)
	if doc == "" {
		doc = title
	}
	refs := ""
	for _, r := range m.Refs {
		text := r.Doc
		if r.Section != "" {
			text += " §" + r.Section
		}
		refs += "\n- [" + text + "](" + safeLink(r.URL) + ")"
	}
	markdown := doc
	if refs != "" {
		markdown += "\n" + refs
	}
	rule := sarifRule{
		ID: m.ID, Name: pascal(m.ID), ShortDescription: sarifMessage{Text: clip(sentence(title), sarifText)},
		FullDescription: sarifMessage{Text: clip(firstParagraph(doc), sarifText)},
		Help:            sarifMessage{Text: clip(plainMarkdown(doc), sarifText), Markdown: markdown},
		HelpURI:         RulePage(w.Lang, m.ID),
		Configuration:   sarifLevel{sarifLevels[m.Severity]},
		Properties:      sarifProperties{Tags: []string{"email", string(m.Standard)}, Precision: "very-high"},
	}
	worst := m.Severity
	for _, v := range m.Variants {
		worst = max(worst, v.Severity)
	}
	if worst > check.Info {
		rule.Properties.Tags = append(rule.Properties.Tags, "security")
		rule.Properties.SecuritySeverity = securitySeverity(worst, grave != nil && grave(m.ID))
	}
	return rule
}

// securitySeverity is the number by which code scanning sorts and labels:
// critical, high, medium, low.
func securitySeverity(s check.Severity, grave bool) string {
	switch {
	case s == check.Error && grave:
		return "9.5"
	case s == check.Error:
		return "8.0"
	case s == check.Warning:
		return "5.5"
	}
	return "2.0"
}

func (w words) sarifResult(f flatFinding, index map[string]int) sarifResult {
	// Where there is little room only the first sentence shows: it names the domain.
	text := Escape(f.report.Domain) + ": " + Escape(f.Message)
	if f.Fix != nil && f.Fix.Verb != "" {
		text += ". " + w.t("fix") + ": " + Escape(f.Fix.Verb)
	}
	at := f.place()
	r := sarifResult{
		RuleID: f.res.ID, RuleIndex: index[f.res.ID], Level: sarifLevels[f.Severity], Message: sarifMessage{Text: clip(text, sarifText)},
		Fingerprints: map[string]string{"primaryLocationLineHash": f.fingerprint()},
	}
	var loc sarifLocation
	loc.Physical.Artifact.URI = relativeURI(at.File)
	loc.Physical.Region = sarifRegion{at.Line, at.Column, at.Line, at.Column}
	name := Escape(f.Subject)
	if f.Fix != nil && len(f.Fix.Records) > 0 {
		name = Escape(strings.TrimSuffix(f.Fix.Records[0].Name, ".")) + " " + Escape(f.Fix.Records[0].Type)
	}
	loc.Logical = []sarifLogical{{clip(name, sarifText), "resource"}}
	r.Locations = []sarifLocation{loc}
	if f.Ignored != nil {
		r.Suppressions = []sarifSuppression{{"external", "accepted", Escape(f.Ignored.Reason)}}
	}
	return r
}

// plainMarkdown drops the marks of our own docs' markdown.
func plainMarkdown(s string) string {
	return strings.NewReplacer("```\n", "", "```", "", "`", "", "**", "").Replace(s)
}

// pascal writes a rule's ID as a name: SpfAllPass.
func pascal(id string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(id, "-") {
		r, size := utf8.DecodeRuneInString(word)
		b.WriteRune(unicode.ToUpper(r))
		b.WriteString(word[size:])
	}
	return b.String()
}

// semantic is a version as semantic versioning writes it, "" where it is none.
func semantic(v string) string {
	v = strings.TrimPrefix(v, "v")
	major, _, ok := strings.Cut(v, ".")
	if _, err := strconv.Atoi(major); err != nil || !ok {
		return ""
	}
	return v
}

package score

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
)

func TestWeights(t *testing.T) {
	want := map[check.Profile]struct {
		sum        int
		categories string
	}{
		check.ProfileMail:        {100, "dmarc 30, spf 20, transit 20, dkim 15, dns 15"},
		check.ProfileSendOnly:    {80, "dmarc 30, spf 20, dkim 15, dns 15"},
		check.ProfileReceiveOnly: {85, "dmarc 30, spf 20, transit 20, dns 15"},
		check.ProfileParked:      {100, "dmarc 40, spf 30, dns 30"},
	}
	for _, p := range check.Profiles {
		var b strings.Builder
		sum, seen := 0, map[CheckID]bool{}
		for i, g := range Groups(p) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(g.Name + " " + strconv.Itoa(g.weight()))
			sum += g.weight()
			for _, c := range g.Checks {
				if c.Weight <= 0 || seen[c.ID] {
					t.Errorf("%s: check %s has weight %d or stands twice", p, c.ID, c.Weight)
				}
				seen[c.ID] = true
			}
		}
		if sum != want[p].sum || b.String() != want[p].categories {
			t.Errorf("%s: got %d (%s), want %d (%s)", p, sum, b.String(), want[p].sum, want[p].categories)
		}
	}
}

// TestPartsExact holds the weights and parts to having no rounding before the
// end: each part that the table speaks of is a whole number of 28ths.
func TestPartsExact(t *testing.T) {
	if Full != 28 || Half*2 != Full || Most*14 != Full*10 {
		t.Errorf("parts are not what they say: full %d, half %d, most %d", Full, Half, Most)
	}
}

func TestGradeOf(t *testing.T) {
	for value, want := range map[int]string{
		100: "A+", 95: "A+", 94: "A", 90: "A", 89: "B", 80: "B", 79: "C", 70: "C",
		69: "D", 60: "D", 59: "E", 40: "E", 39: "F", 19: "F", 0: "F",
	} {
		if got := gradeOf(value); got != want {
			t.Errorf("GradeOf(%d): got %s, want %s", value, got, want)
		}
	}
}

func TestCapsOfProfiles(t *testing.T) {
	last := 0
	for _, c := range capTable {
		if c.Max < last {
			t.Errorf("cap %s stands out of order", c.ID)
		}
		last = c.Max
	}
	for p, want := range map[check.Profile]bool{
		check.ProfileMail: true, check.ProfileSendOnly: true, check.ProfileUnknown: true,
		check.ProfileReceiveOnly: false, check.ProfileParked: false,
	} {
		if got := capRow(p, "spf-broken") != nil; got != want {
			t.Errorf("profile %q has cap spf-broken: got %v, want %v", p, got, want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a cap that is not in the table did not panic")
		}
	}()
	Compute(State{Caps: []OpenCap{{ID: "no-such-cap"}}})
}

func TestWords(t *testing.T) {
	for _, lang := range locale.Langs {
		l := locale.Must(lang)
		var b bytes.Buffer
		if err := WriteTableIn(&b, l); err != nil {
			t.Fatal(err)
		}
		page := b.String()
		if m := regexp.MustCompile(`\[score\.[^\]]*\]|<no value>`).FindString(page); m != "" {
			t.Errorf("%s: the page lacks words: %s", lang, m)
		}
		for _, want := range []string{"| A+ | 95 |", " | 14 | ", " | 19 | "} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page has no %q", lang, want)
			}
		}
	}
}

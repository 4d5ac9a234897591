package main

import "testing"

// clean takes from the environment what tells of terminals.
func clean(t *testing.T) {
	for _, k := range []string{"NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM", "TERM_PROGRAM", "TMUX", "STY", "CI", "VTE_VERSION",
		"WT_SESSION", "KONSOLE_VERSION", "LC_ALL", "LC_CTYPE", "LANG", "COLUMNS"} {
		t.Setenv(k, "")
	}
}

func TestColored(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  map[string]string
		when string
		tty  bool
		want bool
	}{
		{"a terminal", nil, "auto", true, true},
		{"a pipe", nil, "auto", false, false},
		{"NO_COLOR of any value", map[string]string{"NO_COLOR": "0"}, "auto", true, false},
		{"an empty NO_COLOR says nothing", map[string]string{"NO_COLOR": ""}, "auto", true, true},
		{"the flag is above NO_COLOR", map[string]string{"NO_COLOR": "1"}, "always", false, true},
		{"NO_COLOR is above force", map[string]string{"NO_COLOR": "1", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}, "auto", true, false},
		{"CLICOLOR=0", map[string]string{"CLICOLOR": "0"}, "auto", true, false},
		{"CLICOLOR=1 colours no pipe", map[string]string{"CLICOLOR": "1"}, "auto", false, false},
		{"CLICOLOR_FORCE", map[string]string{"CLICOLOR_FORCE": "1"}, "auto", false, true},
		{"CLICOLOR_FORCE=0", map[string]string{"CLICOLOR_FORCE": "0"}, "auto", false, false},
		{"FORCE_COLOR", map[string]string{"FORCE_COLOR": "1", "TERM": "dumb"}, "auto", false, true},
		{"FORCE_COLOR=0", map[string]string{"FORCE_COLOR": "0"}, "auto", true, false},
		{"a terminal without", map[string]string{"TERM": "dumb"}, "auto", true, false},
		{"never", map[string]string{"FORCE_COLOR": "1"}, "never", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clean(t)
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			if got, err := colored(tt.when, tt.tty); err != nil || got != tt.want {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestLinked(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  map[string]string
		when string
		tty  bool
		want bool
	}{
		{"nobody knows", nil, "auto", true, false},
		{"kitty", map[string]string{"TERM": "xterm-kitty"}, "auto", true, true},
		{"kitty into a pipe", map[string]string{"TERM": "xterm-kitty"}, "auto", false, false},
		{"tmux within kitty", map[string]string{"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-0/default,1,0"}, "auto", true, false},
		{"an old VTE", map[string]string{"VTE_VERSION": "4601"}, "auto", true, false},
		{"VTE", map[string]string{"VTE_VERSION": "7600"}, "auto", true, true},
		{"VTE, dumb", map[string]string{"VTE_VERSION": "7600", "TERM": "dumb"}, "auto", true, false},
		{"always", nil, "always", false, true},
		{"never", map[string]string{"TERM": "xterm-kitty"}, "never", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clean(t)
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			if got, err := linked(tt.when, tt.tty); err != nil || got != tt.want {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestLocaleIsUTF8(t *testing.T) {
	for _, tt := range []struct {
		all, ctype, lang string
		want             bool
	}{
		{"", "", "", true}, {"", "", "C", false}, {"", "", "C.UTF-8", true}, {"", "", "pt_BR.utf8", true}, {"", "", "pt_BR.ISO-8859-1", false},
		{"C", "", "en_US.UTF-8", false}, {"", "en_US.UTF-8", "C", true}, {"POSIX", "en_US.UTF-8", "", false},
	} {
		clean(t)
		t.Setenv("LC_ALL", tt.all)
		t.Setenv("LC_CTYPE", tt.ctype)
		t.Setenv("LANG", tt.lang)
		if got := utf8Locale(); got != tt.want {
			t.Errorf("LC_ALL=%s LC_CTYPE=%s LANG=%s: got %v", tt.all, tt.ctype, tt.lang, got)
		}
	}
}

func TestWidth(t *testing.T) {
	for _, tt := range []struct {
		columns string
		ascii   bool
		want    int
	}{{"", false, 80}, {"40", false, 40}, {"12", false, 40}, {"1000", false, 200}, {"wide", false, 80}, {"-3", false, 80}, {"", true, 78}, {"40", true, 38}} {
		clean(t)
		t.Setenv("COLUMNS", tt.columns)
		s := &streams{ascii: tt.ascii}
		if got, tty := s.tty(); got != tt.want || tty {
			t.Errorf("COLUMNS=%s, ASCII %v: got %d, %v, want %d", tt.columns, tt.ascii, got, tty, tt.want)
		}
	}
}

// Package tape keeps every answer of a run in one file and gives them back, so
// that an audit can be repeated byte for byte without a network
// (--record, --replay).
//
// The file is one JSON object a line: {"kind":"dns","key":"example.com MX","value":…}.
// The first line is {"kind":"postseal-tape","key":"1","value":{…}}.
package tape

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

const header = "postseal-tape"

// Tape records what goes by, or plays back what it has. A nil *Tape does
// neither. It is safe for concurrent use.
type Tape struct {
	mu      sync.Mutex
	playing bool
	entries map[string]json.RawMessage // kind and key
	order   []entry
}

type entry struct {
	Kind  string          `json:"kind"`
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// Recorder gives an empty tape that records.
func Recorder() *Tape { return &Tape{entries: map[string]json.RawMessage{}} }

// Player reads a tape to play.
func Player(r io.Reader) (*Tape, error) {
	t := &Tape{playing: true, entries: map[string]json.RawMessage{}}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 16<<20)
	for n := 1; sc.Scan(); n++ {
		var e entry
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("line %d is not a recording: %w", n, err)
		}
		if n == 1 {
			if e.Kind != header || e.Key != "1" {
				return nil, fmt.Errorf("line 1 is not the head of a postseal recording")
			}
			continue
		}
		t.entries[e.Kind+"\x00"+e.Key] = e.Value
	}
	if err := sc.Err(); err != nil {
		return nil, err
	}
	if len(t.entries) == 0 {
		return nil, fmt.Errorf("the recording is empty")
	}
	return t, nil
}

// Playing tells whether answers come from the tape.
func (t *Tape) Playing() bool { return t != nil && t.playing }

// Recording tells whether answers go to the tape.
func (t *Tape) Recording() bool { return t != nil && !t.playing }

// WriteTo writes what was recorded, in the order in which it came.
func (t *Tape) WriteTo(w io.Writer) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var n int64
	head, err := json.Marshal(entry{Kind: header, Key: "1", Value: json.RawMessage(`{}`)})
	if err != nil {
		return 0, err
	}
	lines := [][]byte{head}
	for _, e := range t.order {
		b, err := json.Marshal(e)
		if err != nil {
			return n, err
		}
		lines = append(lines, b)
	}
	for _, b := range lines {
		k, err := w.Write(append(b, '\n'))
		n += int64(k)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Put records one answer; the first of a key stays.
func (t *Tape) Put(kind, key string, value any) error {
	if !t.Recording() {
		return nil
	}
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("tape: %s %s: %w", kind, key, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k := kind + "\x00" + key
	if _, have := t.entries[k]; have {
		return nil
	}
	t.entries[k] = b
	t.order = append(t.order, entry{kind, key, b})
	return nil
}

// Get plays one answer back; false when the tape has none.
func (t *Tape) Get(kind, key string, into any) (bool, error) {
	if t == nil {
		return false, nil
	}
	t.mu.Lock()
	b, ok := t.entries[kind+"\x00"+key]
	t.mu.Unlock()
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(b, into); err != nil {
		return false, fmt.Errorf("tape: %s %s: %w", kind, key, err)
	}
	return true, nil
}

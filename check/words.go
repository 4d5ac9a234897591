package check

import "fmt"

// words maps the values of an enumeration to the lower-case words they print as.
type words[T ~int] map[T]string

func (w words[T]) word(v T) string {
	if s, ok := w[v]; ok {
		return s
	}
	return fmt.Sprintf("invalid(%d)", int(v))
}

func (w words[T]) marshal(v T) ([]byte, error) {
	if s, ok := w[v]; ok {
		return []byte(s), nil
	}
	return nil, fmt.Errorf("check: %d has no word", int(v))
}

func (w words[T]) unmarshal(v *T, text []byte) error {
	for k, s := range w {
		if s == string(text) {
			*v = k
			return nil
		}
	}
	return fmt.Errorf("check: %q is not a word known here", text)
}

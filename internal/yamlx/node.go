package yamlx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Kind is what a node is.
type Kind int

// The kinds of node.
const (
	Scalar Kind = iota + 1
	List
	Map
)

// Node is one value of a document, and where it stands.
type Node struct {
	Kind   Kind
	Tag    string // "!!str", "!include"
	Value  string // of a scalar
	Line   int    // from 1
	Column int    // from 1
	Keys   []*Node
	Items  []*Node // of a list; of a map the values, beside Keys
}

// Get is the value of a map's key, or nil.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Map {
		return nil
	}
	for i, k := range n.Keys {
		if k.Value == key {
			return n.Items[i]
		}
	}
	return nil
}

// maxNodes bounds a document with its aliases written out: a few lines of
// aliases of aliases would fill any memory.
const maxNodes = 500_000

// SyntaxError is a document that is no YAML, and where.
type SyntaxError struct {
	Line int // 0 is not known
	Text string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Text
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Text)
}

var errorLine = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)

// Parse reads the first document with the places of its values. Aliases are
// written out. An empty document is nil.
func Parse(data []byte) (*Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		if m := errorLine.FindStringSubmatch(err.Error()); m != nil {
			line, _ := strconv.Atoi(m[1])
			return nil, &SyntaxError{line, m[2]}
		}
		return nil, &SyntaxError{0, strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return nil, nil
	}
	left := maxNodes
	return convert(doc.Content[0], &left, 0)
}

// ParseOne reads text that must hold no second document.
func ParseOne(data []byte) (*Node, error) {
	n, err := Parse(data)
	if err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	if err := dec.Decode(&first); err != nil {
		return n, nil // nothing in it: Parse has read all that there is
	}
	switch err := dec.Decode(&second); {
	case errors.Is(err, io.EOF):
		return n, nil
	case err != nil:
		return nil, &SyntaxError{0, "after the first document: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	return nil, &SyntaxError{second.Line, "a second document begins here, and only one is read"}
}

func convert(y *yaml.Node, left *int, depth int) (*Node, error) {
	if *left--; *left < 0 || depth > 100 {
		return nil, errors.New("the document is too large or nested too deep")
	}
	if y.Kind == yaml.AliasNode {
		return convert(y.Alias, left, depth+1)
	}
	n := &Node{Kind: Scalar, Tag: y.Tag, Value: y.Value, Line: y.Line, Column: y.Column}
	switch y.Kind {
	case yaml.MappingNode:
		n.Kind = Map
	case yaml.SequenceNode:
		n.Kind = List
	}
	for i, c := range y.Content {
		child, err := convert(c, left, depth+1)
		if err != nil {
			return nil, err
		}
		if n.Kind == Map && i%2 == 0 {
			n.Keys = append(n.Keys, child)
		} else {
			n.Items = append(n.Items, child)
		}
	}
	return n, nil
}

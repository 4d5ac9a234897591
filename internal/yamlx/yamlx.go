// Package yamlx is the one place that imports gopkg.in/yaml.v3, which upstream
// has archived: a move to another library is a change to this package.
package yamlx

import "gopkg.in/yaml.v3"

// Unmarshal reads one YAML document into v.
func Unmarshal(data []byte, v any) error { return yaml.Unmarshal(data, v) }

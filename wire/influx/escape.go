package influx

import (
	"slices"
	"unicode/utf8"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/internal/flat"
)

// AppendName appends the name of a metric as a measurement.
func (d *dialect) AppendName(b []byte, m *wire.Metric) ([]byte, bool) {
	name := ""
	if m.Name != nil {
		name = m.Name.Text()
	}
	start := len(b)
	b = appendEscaped(b, []byte(name), false)
	if len(b) == start || b[start] == '#' || b[start] == '_' { // # begins a comment, _ a name of the server
		b = slices.Insert(b, start, 'm', '_')
	}
	return b, false
}

// AppendCommon appends the attributes of resource and scope that the options ask for.
func (d *dialect) AppendCommon(tags []flat.Tag, s *wire.Scope) []flat.Tag {
	return flat.Common{Resource: d.Resource, Scope: d.Scope}.Append(tags, s)
}

// AppendTags appends attributes, sorted by key as the servers prefer. An attribute without
// a value is left out, since the protocol has no such tag.
func (d *dialect) AppendTags(b []byte, tags []flat.Tag) ([]byte, flat.Fit) {
	begin := len(b)
	for i, t := range tags {
		if len(t.Value) == 0 {
			continue
		}
		b = append(b, ',')
		start := len(b)
		b = appendEscaped(b, t.Key, true)
		if reserved[string(t.Key)] {
			b = append(b, '_')
		}
		b = flat.EndKey(b, begin, start, i, ',', '=')
		b = appendEscaped(b, t.Value, true)
	}
	return b, flat.Whole
}

// reserved are the keys that are no tags for some server, or that this encoding uses.
var reserved = map[string]bool{"": true, "time": true, "_field": true, "_measurement": true, "__name__": true, "le": true, "quantile": true}

// appendEscaped appends text with a backslash before each byte that would end it. A
// backslash becomes a slash, since servers treat a backslash in different ways. A control
// character, or a byte that is not UTF-8, becomes an underscore.
func appendEscaped(b, text []byte, tag bool) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n <= 1, r < ' ', r == 0x7f:
			b = append(b, '_')
		case r == '\\':
			b = append(b, '/')
		case r == ',', r == ' ', r == '=' && tag:
			b = append(b, '\\', byte(r))
		default:
			b = append(b, text[:n]...)
		}
		text = text[n:]
	}
	return b
}

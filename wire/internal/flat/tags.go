package flat

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/otelgram/otelgram/wire"
)

// Tag is an attribute as text.
type Tag struct{ Key, Value []byte }

// Style is how a dialect writes names and attributes.
type Style interface {
	// AppendName appends the name of a metric, and reports whether it had to be cut.
	AppendName(b []byte, m *wire.Metric) (_ []byte, cut bool)
	// AppendTags appends tags, which are sorted by key and have no key twice.
	AppendTags(b []byte, tags []Tag) ([]byte, Fit)
	// AppendCommon appends the tags of resource and scope that go with each point.
	AppendCommon(tags []Tag, s *wire.Scope) []Tag
}

// Fit says how much of an attribute set is in its text.
type Fit uint8

// The values of Fit.
const (
	Whole     Fit = iota
	Cut           // cut, since a server takes no more
	Unsayable     // there is no form for it
)

// Common says which attributes of resource and scope go with each point.
type Common struct {
	// Resource are keys of the resource; "*" stands for all.
	Resource []string
	// Scope adds the name and version of the instrumentation scope, as otel.scope.name and
	// otel.scope.version, and its attributes.
	Scope bool
}

// DefaultResource lists the attributes of the resource that tell services and their
// instances apart.
var DefaultResource = []string{"service.namespace", "service.name", "service.instance.id", "deployment.environment.name"}

// Append appends these attributes of s. A key of the scope wins over a key of the resource.
func (c Common) Append(tags []Tag, s *wire.Scope) []Tag {
	var values []byte
	if s == nil {
		return tags
	}
	if r := s.Resource; r != nil {
		all := slices.Contains(c.Resource, "*")
		for i := range r.Attributes.Len() {
			if a := r.Attributes.At(i); all || slices.Contains(c.Resource, a.Key) {
				tags, values = appendTag(tags, values, &a)
			}
		}
	}
	if c.Scope {
		for key, text := range map[string]*wire.Symbol{"otel.scope.name": s.Name, "otel.scope.version": s.Version} {
			if text != nil && text.Text() != "" {
				tags = append(tags, Tag{Key: []byte(key), Value: []byte(text.Text())})
			}
		}
		for i := range s.Attributes.Len() {
			a := s.Attributes.At(i)
			tags, values = appendTag(tags, values, &a)
		}
	}
	return unique(tags)
}

// appendTags appends the common tags and the tags of a set. If a key is in both, the set
// wins.
func appendTags(tags []Tag, values []byte, common []Tag, s *wire.AttributeSet) ([]Tag, []byte) {
	tags = append(tags, common...)
	for i := range s.Len() {
		a := s.At(i)
		tags, values = appendTag(tags, values, &a)
	}
	return unique(tags), values
}

// appendTag appends an attribute as a tag, and its text to values.
func appendTag(tags []Tag, values []byte, a *wire.Attribute) ([]Tag, []byte) {
	start := len(values)
	values = append(values, a.Key...)
	end := len(values)
	values = AppendValue(values, a)
	return append(tags, Tag{Key: values[start:end:end], Value: values[end:len(values):len(values)]}), values
}

// unique sorts tags by key and keeps the last tag of each key.
func unique(tags []Tag) []Tag {
	slices.SortStableFunc(tags, func(a, b Tag) int { return bytes.Compare(a.Key, b.Key) })
	kept := tags[:0]
	for i := range tags {
		if i+1 < len(tags) && bytes.Equal(tags[i].Key, tags[i+1].Key) {
			continue
		}
		kept = append(kept, tags[i])
	}
	return kept
}

// EndKey ends a key, which is in b from start on, with the byte that separates it from its
// value. The tags before it are in b from begin on, each behind a separator. If one of them
// has the same key, the key gets a number: n, which differs for each tag, or a number above
// n.
func EndKey(b []byte, begin, start, n int, separator, equals byte) []byte {
	b = append(b, equals)
	end := len(b) - 1
	for {
		key, before := b[start:], b[begin:max(begin, start-1)]
		if !bytes.HasPrefix(before, key) && !contains(before, separator, key) {
			return b
		}
		b = append(strconv.AppendInt(append(b[:end], '_'), int64(n), 10), equals)
		n++
	}
}

// contains reports whether text contains a separator with key behind it.
func contains(text []byte, separator byte, key []byte) bool {
	for {
		i := bytes.Index(text, key)
		if i < 0 {
			return false
		}
		if i > 0 && text[i-1] == separator {
			return true
		}
		text = text[i+1:]
	}
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendSymbol(b []byte, s *wire.Symbol) []byte {
	if s == nil {
		return append(b, 0)
	}
	return appendText(b, s.Text())
}

// appendSetKey appends what tells an attribute set from others.
func appendSetKey(b []byte, s *wire.AttributeSet) []byte {
	for i := range s.Len() {
		a := s.At(i)
		b = append(appendText(b, a.Key), byte(a.Type))
		if a.Type == wire.StringValue {
			b = appendText(b, a.Text)
		} else {
			b = appendText(b, a.Payload)
		}
	}
	return b
}

// appendMetricKey appends what tells a metric from others.
func appendMetricKey(b []byte, m *wire.Metric) []byte {
	b = append(b, byte(m.Kind), flag(m.Integer)|flag(m.Monotonic)<<1|flag(m.Delta)<<2)
	b = appendSymbol(appendSymbol(appendSymbol(b, m.Name), m.Unit), m.Description)
	s := m.Scope
	if s == nil {
		return b
	}
	b = appendSymbol(appendSymbol(appendSymbol(b, s.Name), s.Version), s.SchemaURL)
	b = appendSetKey(b, s.Attributes)
	if s.Resource != nil {
		b = appendSetKey(append(b, 0), s.Resource.Attributes)
	}
	return b
}

func flag(v bool) byte {
	if v {
		return 1
	}
	return 0
}

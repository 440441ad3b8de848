package statsd

import (
	"unicode/utf8"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/internal/flat"
)

// AppendName appends the name of a metric: ASCII letters, digits, dots and underscores, and
// for StatsD dashes. It begins with a letter. Every other byte becomes an underscore.
func (d *dialect) AppendName(b []byte, m *wire.Metric) ([]byte, bool) {
	start := len(b)
	name := ""
	if m.Name != nil {
		name = m.Name.Text()
	}
	if name == "" || !isLetter(name[0]) {
		b = append(b, 'm', '_')
	}
	for i := range len(name) {
		c := name[i]
		if !isLetter(c) && !isDigit(c) && c != '.' && c != '_' && (c != '-' || d.dog) {
			c = '_'
		}
		b = append(b, c)
	}
	most := d.MaxName
	if !d.dog {
		most -= min(most/2, suffixRoom)
	}
	return cut(b, start, most)
}

// suffixRoom is the room that a name leaves for what tells the lines of one point apart.
const suffixRoom = 32

// cut cuts the text in b from start on to at most most bytes, and reports whether it did.
func cut(b []byte, start, most int) ([]byte, bool) {
	if most == 0 || len(b)-start <= most {
		return b, false
	}
	end := start + most
	for end > start && !utf8.RuneStart(b[end]) {
		end--
	}
	return b[:end], true
}

// AppendCommon appends the attributes of resource and scope that the options ask for.
func (d *dialect) AppendCommon(tags []flat.Tag, s *wire.Scope) []flat.Tag {
	return flat.Common{Resource: d.Resource, Scope: d.Scope}.Append(tags, s)
}

// AppendTags appends attributes. An attribute without a value is left out, since servers
// treat it in different ways.
func (d *dialect) AppendTags(b []byte, tags []flat.Tag) ([]byte, flat.Fit) {
	fit := flat.Whole
	if !d.dog && d.Tags == Omitted {
		return b, fit
	}
	last := -1
	if d.dog {
		last = lastTag(tags)
	}
	begin := len(b)
	add := func(i int) {
		if len(tags[i].Value) == 0 {
			return
		}
		var short bool
		if b, short = d.appendTag(b, begin, i, tags[i]); short {
			fit = flat.Cut
		}
	}
	for i := range tags {
		if i != last {
			add(i)
		}
	}
	if last >= 0 {
		add(last)
	}
	if n := len(b); d.dog && n > begin && !endsWell(b) {
		b = append(b, '_')
	}
	return b, fit
}

// endsWell reports whether text may end the last tag. Telegraf removes a space at its end,
// and a last character that is not ASCII.
func endsWell(text []byte) bool {
	last := text[len(text)-1]
	return last > ' ' && last < utf8.RuneSelf
}

// lastTag returns the index of the tag to write last: the last tag that ends well, or -1 if
// there is none.
func lastTag(tags []flat.Tag) int {
	for i := len(tags) - 1; i >= 0; i-- {
		if v := tags[i].Value; len(v) > 0 && endsWell(v) {
			return i
		}
	}
	return -1
}

// appendTag appends the n-th tag, and reports whether its value was cut, or the tag left
// out because its key alone is too long.
func (d *dialect) appendTag(b []byte, begin, n int, tag flat.Tag) ([]byte, bool) {
	whole := b
	separator, equals := byte('.'), byte('.')
	switch {
	case d.dog:
		separator, equals = ',', ':'
	case d.Tags == AfterComma:
		separator, equals = ',', '='
	}
	if !d.dog || len(b) > begin {
		b = append(b, separator)
	}
	start := len(b)
	b = flat.EndKey(d.appendKey(b, tag.Key), begin, start, n, separator, equals)
	value := len(b)
	if d.dog {
		b = appendValue(b, tag.Value, d.forbiddenInTag)
	} else {
		for _, c := range tag.Value {
			b = append(b, d.cleanPart(c))
		}
	}
	if d.MaxTag == 0 || len(b)-start <= d.MaxTag {
		return b, false
	}
	if value-start >= d.MaxTag {
		return whole, true
	}
	b, _ = cut(b, value, d.MaxTag-(value-start))
	if len(b) == value {
		return whole, true
	}
	return b, true
}

// appendKey appends a key. Some keys harm a server. statsd_exporter ends, or stops serving,
// if a key begins with two underscores, or with a byte that becomes one, and if a key is le
// or quantile. Telegraf has a metric_type of its own.
func (d *dialect) appendKey(b, key []byte) []byte {
	if len(key) == 0 || !isLetter(key[0]) {
		b = append(b, 'k', '_')
	}
	for _, c := range key {
		b = append(b, d.cleanKey(c))
	}
	if text := string(key); text == "le" || text == "quantile" || text == "metric_type" {
		b = append(b, '_')
	}
	return b
}

// cleanKey returns c, or what replaces it in a key.
func (d *dialect) cleanKey(c byte) byte {
	if isLetter(c) || isDigit(c) || c == '_' || c == '-' || (c == '.' || c == '/') && d.dog || c == '.' && d.Tags == AfterComma {
		return c
	}
	return '_'
}

// cleanPart returns c, or what replaces it in a value that is part of a name.
func (d *dialect) cleanPart(c byte) byte {
	if isLetter(c) || isDigit(c) || c == '_' || c == '-' || (c == '.' || c == '/') && d.Tags == AfterComma {
		return c
	}
	return '_'
}

// forbiddenInTag reports whether a character of a value would end the tag or the line.
func (d *dialect) forbiddenInTag(r rune) bool {
	return r == ',' || r == '|' || r < ' ' || r == 0x7f
}

// appendValue appends the characters of a value, with an underscore for each forbidden one.
func appendValue(b, value []byte, forbidden func(rune) bool) []byte {
	for len(value) > 0 {
		r, n := utf8.DecodeRune(value)
		if r == utf8.RuneError && n <= 1 || forbidden(r) {
			b = append(b, '_')
		} else {
			b = append(b, value[:n]...)
		}
		value = value[n:]
	}
	return b
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

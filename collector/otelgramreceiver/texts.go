package otelgramreceiver

import (
	"strings"
	"unicode/utf8"
)

// Bounds of texts.
const (
	maxTexts    = 1 << 13
	maxTextSize = 256
)

// texts are names, units and descriptions that were seen before: they are made once, and
// not for each packet. A full one is forgotten and learned again; 2 MiB is what one holds
// at most.
type texts map[string]string

func (t texts) text(b []byte) string {
	if len(b) > maxTextSize {
		return valid(b)
	}
	if s, ok := t[string(b)]; ok {
		return s
	}
	if len(t) >= maxTexts {
		clear(t)
	}
	s := valid(b)
	t[string(b)] = s
	return s
}

// valid returns a text of a packet, which may be any bytes, as UTF-8: OTLP and Prometheus can
// carry nothing else, and refuse all that comes with it.
func valid(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return strings.ToValidUTF8(string(b), string(utf8.RuneError))
}

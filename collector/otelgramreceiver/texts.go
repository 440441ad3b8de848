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

// texts are names, units and descriptions that were seen before. Each is made once, and not
// for each packet. When there are 2 MiB of them, they are forgotten and learned again. Text
// that is not UTF-8 is not remembered.
type texts map[string]string

func (t texts) text(b []byte) string {
	if s, ok := t[string(b)]; ok {
		return s
	}
	s := valid(b)
	if len(b) > maxTextSize || s != string(b) {
		return s
	}
	if len(t) >= maxTexts {
		clear(t)
	}
	t[s] = s
	return s
}

// valid returns a text of a packet, which may be any bytes, as UTF-8. OTLP and Prometheus
// can carry nothing else, and refuse all that comes with it.
func valid(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return strings.ToValidUTF8(string(b), string(utf8.RuneError))
}

package otelgramreceiver

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
		return string(b)
	}
	if s, ok := t[string(b)]; ok {
		return s
	}
	if len(t) >= maxTexts {
		clear(t)
	}
	s := string(b)
	t[s] = s
	return s
}

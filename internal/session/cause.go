package session

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// maxCauses is how many of the errors of one attempt are told: a name may have many
// addresses.
const maxCauses = 3

// causeOf returns an error of the network in a form that stays the same as long as
// the cause does: in one line, without what differs from one attempt to the next,
// which is the order of the addresses and the ports that look-ups came from. It is
// empty for nil.
func causeOf(err error) string {
	if err == nil {
		return ""
	}
	lines := strings.Split(err.Error(), "\n") // as errors.Join has them
	for i, line := range lines {
		lines[i] = withoutSource(line)
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	if more := len(lines) - maxCauses; more > 0 {
		lines = append(lines[:maxCauses], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "; ")
}

// withoutSource takes the local address out of texts such as "read udp
// 10.0.0.7:49152->10.0.0.2:53: i/o timeout".
func withoutSource(line string) string {
	words := strings.Split(line, " ")
	for i, word := range words {
		source, target, ok := strings.Cut(word, "->")
		if _, err := netip.ParseAddrPort(source); ok && err == nil {
			words[i] = target
		}
	}
	return strings.Join(words, " ")
}

package receiver

import (
	"log/slog"
	"net/netip"
	"sync/atomic"

	"github.com/otelgram/otelgram/wire"
)

// foreignSource is the notice of a packet from a network that is not allowed. The others
// are by cause.
const foreignSource = wire.Causes

// refusal is a packet that was refused.
type refusal struct {
	cause  int
	source netip.AddrPort
	bytes  int
}

// notices tell the log of the first packet refused for each cause. A goroutine of their
// own calls the logger, which is not ours.
type notices struct {
	said    [wire.Causes + 1]atomic.Bool
	waiting chan refusal // has room for one of each cause
}

func newNotices() *notices {
	return &notices{waiting: make(chan refusal, wire.Causes+1)}
}

// refused takes note of a refused packet, if it is the first of its cause. It never
// waits.
func (n *notices) refused(cause int, source netip.AddrPort, bytes int) {
	if n.said[cause].Load() || !n.said[cause].CompareAndSwap(false, true) {
		return
	}
	n.waiting <- refusal{cause, source, bytes}
}

// run writes notices to the log until there are no more to come.
func (n *notices) run(log *slog.Logger) {
	for r := range n.waiting {
		cause, hint := wire.Cause(r.cause).String(), hints[r.cause]
		if r.cause == foreignSource {
			cause = "foreign_source"
		}
		log.Warn("otelgram: a packet was refused; further ones for this cause are only counted",
			"cause", cause, "source", r.source.String(), "bytes", r.bytes, "hint", hint)
	}
}

// hints say what may be the matter.
var hints = [wire.Causes + 1]string{
	wire.TooShort:       "it is no otelgram",
	wire.UnknownVersion: "it is no otelgram, or the sender is newer than this receiver",
	wire.UnknownFlag:    "the sender is newer than this receiver",
	wire.BadChecksum:    "it is no otelgram, or was damaged on its way",
	wire.Malformed:      "its content breaks the format though its checksum is right",
	wire.OverBudget:     "it unfolds to more than the format allows",
	foreignSource:       "WithAllowedSources does not name its network",
}

package receiver

import (
	"log/slog"
	"net/netip"
	"sync/atomic"

	"github.com/otelgram/otelgram/wire"
)

// The causes of notices: those of package wire, and those of the receiver.
const (
	foreignSource = wire.Causes + iota // from a network that is not allowed
	tooLong                            // longer than WithMaxPacketSize
	noticeCount
)

// refusal is a packet that was refused, for a notice.
type refusal struct {
	cause  int
	source netip.AddrPort
	bytes  int
}

// notices log the first packet refused for each cause. A goroutine of their own calls the
// logger, which is foreign code and may block.
type notices struct {
	said    [noticeCount]atomic.Bool
	waiting chan refusal // has room for one notice of each cause
}

func newNotices() *notices {
	return &notices{waiting: make(chan refusal, noticeCount)}
}

// refused takes note of a refused packet, if it is the first for its cause. It never waits.
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
		switch r.cause {
		case foreignSource:
			cause = "foreign_source"
		case tooLong:
			cause = "too_long"
		}
		log.Warn("otelgram: a packet was rejected; further ones for this cause are only counted",
			"cause", cause, "source", r.source.String(), "bytes", r.bytes, "hint", hint)
	}
}

// hints say what the likely reason is.
var hints = [noticeCount]string{
	wire.TooShort:       "it is no otelgram",
	wire.UnknownVersion: "it is no otelgram, or the sender is newer than this receiver",
	wire.UnknownFlag:    "the sender is newer than this receiver",
	wire.BadChecksum:    "it is no otelgram, or was damaged on its way",
	wire.Malformed:      "its content breaks the format though its checksum is right",
	wire.OverBudget:     "it unfolds to more than the format allows",
	foreignSource:       "the sources that are allowed do not include its network",
	tooLong:             "it is no otelgram, or the largest packet that the receiver takes is smaller than the sender's",
}

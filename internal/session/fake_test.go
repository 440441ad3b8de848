package session

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSocket takes packets, or refuses them as its script says.
type fakeSocket struct {
	taken   [][]byte
	script  []udp.Outcome // of the next packets; when it is over, all are taken
	pending udp.Outcome   // what Pending answers next
	limit   int
	closed  bool
	// dead is a port that nobody listens on: each packet is taken, and its refusal owed to
	// the next call.
	dead, owed bool
}

func (f *fakeSocket) Send(packets [][]byte) (int, udp.Outcome) {
	for i, p := range packets {
		if f.limit > 0 && len(p) > f.limit {
			return i, udp.TooLarge
		}
		if f.owed {
			f.owed = false
			return i, udp.Refused
		}
		f.owed = f.dead
		if len(f.script) > 0 {
			o := f.script[0]
			f.script = f.script[1:]
			if o != udp.Sent {
				return i, o
			}
		}
		f.taken = append(f.taken, append([]byte(nil), p...))
	}
	return len(packets), udp.Sent
}

func (f *fakeSocket) Pending() udp.Outcome {
	o := f.pending
	if f.owed {
		o = udp.Refused
	}
	f.pending, f.owed = udp.Sent, false
	return o
}

func (f *fakeSocket) PayloadLimit() int    { return f.limit }
func (f *fakeSocket) Offload() udp.Offload { return udp.OffloadUnavailable }
func (f *fakeSocket) Close() error         { f.closed = true; return nil }

// headers returns those of what was taken: the packets with points, and the reports.
func (f *fakeSocket) headers(t *testing.T) (points, reports []wire.Header) {
	t.Helper()
	for _, b := range f.taken {
		h, err := wire.ParseHeader(b)
		require.NoError(t, err)
		if h.Format == wire.SenderReport {
			reports = append(reports, h)
		} else {
			points = append(points, h)
		}
	}
	return points, reports
}

// repeat is an outcome n times.
func repeat(o udp.Outcome, n int) (script []udp.Outcome) {
	for range n {
		script = append(script, o)
	}
	return script
}

// plain is an encoding with sessions, whose datagrams are the parts of a packet.
type plain struct{}

func (plain) Datagram(scratch, packet []byte, limit, place int) (datagram, grown []byte, next int) {
	if place == 0 && len(packet) <= limit {
		return packet, scratch, 0
	}
	end := min(place+limit, len(packet))
	begin := len(scratch)
	scratch = append(scratch, packet[place:end]...)
	return scratch[begin:], scratch, end % len(packet)
}

func (plain) Stamp(datagram []byte, h *wire.Header) {
	stamped := *h
	if stamped.Format = wire.FormatOf(datagram); stamped.Format != wire.SenderReport {
		stamped.Format = wire.Compact
	}
	wire.Stamp(datagram, &stamped)
}

func (plain) Settled(int) int { return 0 }
func (plain) Session() bool   { return true }

func (plain) AppendReport(b []byte, r *wire.Report) []byte { return wire.AppendReport(b, r) }

// open returns a sender in a session on a socket.
func open(t *testing.T, s *fakeSocket, pace int) (*Sender, *account.Books) {
	t.Helper()
	c := &Config{
		PacketSize: 1472, PacketsPerSecond: pace, Burst: 2,
		Breaker:   BreakerConfig{Failures: 10, Timeout: time.Minute},
		OnCircuit: func(_, _ Circuit) {},
	}
	books := &account.Books{}
	sender := New(c, books, plain{})
	if s != nil {
		sender.Begin(Dialled{s, udp.Address{Path: "a"}})
	}
	return sender, books
}

// packetsOf returns n packets of two points each, which the books have as taken by the pump.
func packetsOf(books *account.Books, n, bytes int) (all []Packet) {
	for range n {
		books.Offer(2)
		books.Take(2)
		all = append(all, Packet{Bytes: make([]byte, bytes), Points: 2, OpenedAt: time.Now()})
	}
	return all
}

package session

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSocket takes packets, or refuses them as its script says.
type fakeSocket struct {
	taken  [][]byte
	script []udp.Outcome // of the next packets; when it is over, all are taken
	answer udp.Outcome   // what is pending
	limit  int
	closed bool
}

func (f *fakeSocket) Send(packets [][]byte) (int, udp.Outcome) {
	for i, p := range packets {
		if f.limit > 0 && len(p) > f.limit {
			return i, udp.TooLarge
		}
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

func (f *fakeSocket) Pending() udp.Outcome { return f.answer }
func (f *fakeSocket) PayloadLimit() int    { return f.limit }
func (f *fakeSocket) Close() error         { f.closed = true; return nil }

// repeat is an outcome n times.
func repeat(o udp.Outcome, n int) (script []udp.Outcome) {
	for range n {
		script = append(script, o)
	}
	return script
}

// plain is an encoding with sessions, whose datagrams are the parts of a packet.
type plain struct{ reports []wire.Report }

func (*plain) Datagram(scratch, packet []byte, limit, place int) (datagram, grown []byte, next int) {
	end := min(place+limit, len(packet))
	if end == len(packet) {
		return packet[place:end], scratch, 0
	}
	return packet[place:end], scratch, end
}

func (*plain) Stamp(datagram []byte, h *wire.Header) { datagram[0] = byte(h.Sequence) }
func (*plain) Settled(int) int                       { return 0 }
func (*plain) Session() bool                         { return true }

func (e *plain) AppendReport(b []byte, r *wire.Report) []byte {
	e.reports = append(e.reports, *r)
	return append(b, "?report"...)
}

// pass has a sender without packets do what is due for so long.
func pass(s *Sender, long time.Duration) {
	for end := time.Now().Add(long); ; {
		at := earlier(s.Deadline(time.Now(), nil, 0), end)
		<-time.After(time.Until(at))
		s.Send(time.Now(), nil)
		if !at.Before(end) {
			return
		}
	}
}

// open returns a sender in a session on a socket.
func open(t *testing.T, s *fakeSocket, pace int) (*Sender, *account.Books) {
	t.Helper()
	c := &Config{
		PacketSize: 1472, PacketsPerSecond: pace, Burst: 2,
		Breaker:   BreakerConfig{Failures: 10, Timeout: time.Minute},
		OnCircuit: func(_, _ Circuit) {},
	}
	books := &account.Books{}
	sender := New(c, books, &plain{})
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

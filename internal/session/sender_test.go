package session

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/waker"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// TestSend: what the pace allows leaves, numbered without gaps, and each packet is in the
// books once, whatever becomes of it.
func TestSend(t *testing.T) {
	for _, tt := range []struct {
		name    string
		socket  *fakeSocket // nil: there is none
		pace    int
		packets int
		settled int // by one call
		sent    uint64
		dropped map[wire.DropReason]uint64
	}{
		{"all", &fakeSocket{}, 0, 5, 5, 10, nil},
		{"a burst", &fakeSocket{}, 1000, 5, 2, 4, nil},
		{"no socket", nil, 0, 3, 3, 0, map[wire.DropReason]uint64{wire.Unresolved: 6}},
		{"an error about an earlier packet", &fakeSocket{script: repeat(udp.Refused, 1)}, 0, 2, 2, 4, nil},
		{"a packet refused twice", &fakeSocket{script: repeat(udp.Refused, 2)}, 0, 3, 3, 4, map[wire.DropReason]uint64{wire.SendError: 2}},
		{"a local error: the others wait", &fakeSocket{script: repeat(udp.NoBuffers, 1)}, 0, 3, 1, 0, map[wire.DropReason]uint64{wire.SendError: 2}},
		{"a full send buffer: all wait", &fakeSocket{script: repeat(udp.WouldBlock, 1)}, 0, 3, 0, 0, nil},
		{"a narrow path", &fakeSocket{limit: 700}, 0, 2, 2, 4, nil},
		{"more fragments than a batch holds", &fakeSocket{limit: 700}, 0, 100, 100, 200, nil},
		{"a path that takes nothing", &fakeSocket{limit: 100}, 0, 3, 3, 0, map[wire.DropReason]uint64{wire.SendError: 6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, books := open(t, tt.socket, tt.pace)
				packets := packetsOf(books, tt.packets, 1000)
				assert.Equal(t, tt.settled, s.Send(time.Now(), packets))
				got := books.Settled()
				assert.Equal(t, tt.sent, got.Sent)
				for r, n := range got.Dropped {
					assert.Equal(t, tt.dropped[wire.DropReason(r)], n, "%v", wire.DropReason(r))
				}
				if tt.socket != nil {
					datagrams, _ := tt.socket.headers(t)
					assertSession(t, datagrams, got.Sent)
					assert.Equal(t, uint64(len(tt.socket.taken)), s.Stats().Packets)
				}
				for packets = packets[tt.settled:]; len(packets) > 0; packets = packets[s.Send(time.Now(), packets):] {
					<-time.After(time.Until(s.Deadline(time.Now(), packets, 1000*len(packets))))
				}
				got = books.Settled()
				total := got.Sent
				for _, n := range got.Dropped {
					total += n
				}
				assert.Equal(t, uint64(2*tt.packets), total, "what waits leaves in its time")
			})
		})
	}
}

// TestDeadline: the sender says when to call it again: by the pace, after an error, for a
// report, for an answer to a probe.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, books := open(t, nil, 1000)
		now := time.Now()
		assert.Equal(t, now.Add(reportIdle), s.Deadline(now, nil, 0), "nothing to do")
		s.Begin(Dialled{&fakeSocket{}, udp.Address{Path: "a"}})
		assert.Equal(t, now.Add(reportIdle), s.Deadline(now, nil, 0), "a report")
		packets := packetsOf(books, 3, 1472)
		require.Equal(t, 2, s.Send(now, packets))
		assert.Equal(t, now.Add(reportActive), s.Deadline(now, nil, 0), "a report after traffic")
		assert.Equal(t, now.Add(time.Millisecond), s.Deadline(now, packets[2:], 1472), "the pace")
		s.retry.until = now.Add(50 * time.Millisecond)
		assert.Equal(t, s.retry.until, s.Deadline(now, packets[2:], 1472), "an error")
		s.breaker.refused(now)
		s.breaker.refused(now.Add(time.Second))
		s.breaker.refused(now.Add(2 * time.Second))
		assert.Equal(t, CircuitOpen, s.Stats().Circuit)
		assert.Equal(t, 1, s.Send(now, packets[2:]))
		assert.Equal(t, uint64(2), books.Settled().Dropped[wire.BreakerOpen])
		s.nextReport, s.nextLimit = now.Add(time.Hour), now.Add(time.Hour)
		assert.Equal(t, s.breaker.retryAt, s.Deadline(now, nil, 0), "a probe")
		s.End()
	})
}

// TestGoodbyesAreNoEvidence: what the goodbyes of a session meet is not held against the
// next one.
func TestGoodbyesAreNoEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &fakeSocket{}
		s, _ := open(t, a, 0)
		s.breaker.refused(time.Now())
		a.script = repeat(udp.Refused, 6)
		s.Begin(Dialled{&fakeSocket{}, udp.Address{Path: "b"}})
		assert.Equal(t, [refusalSlots]slot{}, s.breaker.slots)
		assert.Empty(t, s.redial)
		assert.Equal(t, uint64(3), s.Stats().ConnectionsRefused, "counted all the same")
		assert.True(t, a.closed)
		s.End()
		s.End()
	})
}

// TestRequestAboutTheOldAddress is void once there is another address, but not if there is
// only a new socket to the same.
func TestRequestAboutTheOldAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, &fakeSocket{}, 0)
		waker.Signal(s.redial)
		s.Begin(Dialled{&fakeSocket{}, udp.Address{Path: "a"}})
		assert.Len(t, s.redial, 1)
		s.Begin(Dialled{&fakeSocket{}, udp.Address{Path: "b"}})
		assert.Empty(t, s.redial)
		s.End()
	})
}

// TestRequestAboutTheNewAddress: what is asked for about a new address, as soon as it is in
// use, is not taken for a request about the one before.
func TestRequestAboutTheNewAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, nil, 0)
		s.config.Resolve = func(context.Context) ([]udp.Address, error) { return []udp.Address{{Path: "a"}}, nil }
		s.config.Dial = func(context.Context, udp.Address) (Socket, error) { return &fakeSocket{}, nil }
		d := StartDialer(s)
		synctest.Wait() // the dialer waits for the pump
		s.Begin(<-s.Dialled())
		waker.Signal(s.redial)
		synctest.Wait()
		assert.Len(t, s.redial, 1)
		to, cause := d.Address()
		assert.Equal(t, udp.Address{Path: "a"}, to)
		assert.Empty(t, cause)
		d.Stop()
		s.End()
	})
}

// TestDialerStops in the middle of a look-up, and while nobody takes its socket.
func TestDialerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, nil, 0)
		made := &fakeSocket{}
		s.config.Resolve = func(context.Context) ([]udp.Address, error) { return []udp.Address{{Path: "a"}}, nil }
		s.config.Dial = func(context.Context, udp.Address) (Socket, error) { return made, nil }
		d := StartDialer(s)
		synctest.Wait()
		d.Stop()
		assert.True(t, made.closed, "a socket that nobody took")
		<-d.Tried()

		s.config.Resolve = func(ctx context.Context) ([]udp.Address, error) { <-ctx.Done(); return nil, ctx.Err() }
		d = StartDialer(s)
		synctest.Wait()
		d.Stop()
		to, _ := d.Address()
		assert.Zero(t, to)
	})
}

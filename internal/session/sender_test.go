package session

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/latency"
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
				assert.LessOrEqual(t, cap(s.session.batch.scratch), MaxScratch)
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
					<-time.After(time.Until(s.Deadline(time.Now(), packets)))
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
		assert.Equal(t, now.Add(reportIdle), s.Deadline(now, nil), "nothing to do")
		s.Begin(Dialled{&fakeSocket{}, udp.Address{Path: "a"}})
		assert.Equal(t, now.Add(reportIdle), s.Deadline(now, nil), "a report")
		packets := packetsOf(books, 3, 1472)
		require.Equal(t, 2, s.Send(now, packets))
		assert.Equal(t, now.Add(reportActive), s.Deadline(now, nil), "a report after traffic")
		assert.Equal(t, now.Add(time.Millisecond), s.Deadline(now, packets[2:]), "the pace")
		s.retry.until = now.Add(50 * time.Millisecond)
		assert.Equal(t, s.retry.until, s.Deadline(now, packets[2:]), "an error")
		s.breaker.refused(now)
		s.breaker.refused(now.Add(time.Second))
		s.breaker.refused(now.Add(2 * time.Second))
		assert.Equal(t, CircuitOpen, s.Stats().Circuit)
		assert.Equal(t, 1, s.Send(now, packets[2:]))
		assert.Equal(t, uint64(2), books.Settled().Dropped[wire.BreakerOpen])
		s.nextReport, s.nextLimit = now.Add(time.Hour), now.Add(time.Hour)
		assert.Equal(t, s.breaker.retryAt, s.Deadline(now, nil), "a probe")
		s.End()
	})
}

// TestPacedRuns: however often the sender is asked, what waits leaves in runs of what a
// millisecond brings, and no faster than the pace.
func TestPacedRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := &fakeSocket{}
		s, books := open(t, socket, 10_000)
		s.pacer = newPacer(10_000, 32)
		begin, packets := time.Now(), packetsOf(books, 100, 1472)
		var runs []int
		for len(packets) > 0 {
			if n := s.Send(time.Now(), packets); n > 0 {
				runs = append(runs, n)
				packets = packets[n:]
			}
			<-time.After(50 * time.Microsecond)
		}
		assert.Equal(t, []int{32, 10, 10, 10, 10, 10, 10, 8}, runs, "a burst, and then the pace")
		assert.Equal(t, 6850*time.Microsecond, time.Since(begin))
		s.End()
	})
}

// TestDeadlineOfFragments: of a packet that leaves in fragments, the pace waits for the first
// alone, and fragments are small enough to follow each other in time.
func TestDeadlineOfFragments(t *testing.T) {
	for _, tt := range []struct {
		pace  int           // packets of 1472 bytes in a second
		first int           // fragment, in bytes
		ready time.Duration // after nothing is left of a burst
	}{
		{2000, 1472, time.Millisecond},
		{100, 1472, 10 * time.Millisecond},
		{2, 1472, 500 * time.Millisecond},
		{1, 736, 500 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			socket := &fakeSocket{}
			s, books := open(t, socket, tt.pace)
			now := time.Now()
			s.pacer.spent, s.nextReport = now, now.Add(time.Hour)
			packet := packetsOf(books, 1, 4000)
			ready := s.Deadline(now, packet)
			assert.InDelta(t, tt.ready, ready.Sub(now), float64(time.Microsecond))
			<-time.After(time.Until(ready))
			assert.Zero(t, s.Send(time.Now(), packet))
			assert.Len(t, socket.taken[0], tt.first)
			assert.LessOrEqual(t, s.Deadline(ready, packet).Sub(ready), betweenFragments+time.Microsecond)
		})
	}
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

// TestGoodbyeWaits a moment where the send buffer is full, since it is the last chance, and
// has one sequence number however often it is sent.
func TestGoodbyeWaits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script []udp.Outcome
		taken  int
		waits  time.Duration
	}{
		{"taken", nil, goodbyes, 0},
		{"full for a moment", repeat(udp.WouldBlock, 2), 1, 2 * blockedPause},
		{"full for long", repeat(udp.WouldBlock, 100), 0, goodbyes * blockedPause},
		{"an error about an earlier packet", repeat(udp.Refused, 1), goodbyes, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				socket := &fakeSocket{}
				s, books := open(t, socket, 0)
				require.Equal(t, 3, s.Send(time.Now(), packetsOf(books, 3, 100)))
				socket.script = tt.script
				begin := time.Now()
				s.End()
				assert.Equal(t, tt.waits, time.Since(begin))
				_, reports := socket.headers(t)
				assert.Len(t, reports, tt.taken)
				for _, h := range reports {
					assert.True(t, h.Goodbye)
					assert.Equal(t, uint64(3), h.Sequence)
					assert.Equal(t, uint32(6), h.PointsBefore)
				}
				assert.True(t, socket.closed)
			})
		})
	}
}

// TestReports: they come every second while packets are sent and every ten while none are, have
// sequence numbers of their own if the kernel takes them, and are not sent in the middle of a
// packet.
func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, &network{answers: []string{"a"}}, asItIs)
		reports := func() []wire.Header {
			_, reports := d.last().headers(t)
			return reports
		}
		d.pass(time.Minute)
		assert.Len(t, reports(), 6)
		d.flow(10*time.Second, 100*time.Millisecond)
		assert.Len(t, reports(), 16)
		last := reports()[15]
		assert.Equal(t, d.Stats().Packets-1, last.Sequence, "packets and reports, numbered together")
		assert.Equal(t, d.sent(), uint64(last.PointsBefore))
		d.end()
	})
	synctest.Test(t, func(t *testing.T) {
		socket := &fakeSocket{limit: 700, script: []udp.Outcome{udp.Sent, udp.WouldBlock}}
		s, books := open(t, socket, 0)
		packets := packetsOf(books, 1, 1000)
		require.Zero(t, s.Send(time.Now(), packets), "one of two fragments has left")
		<-time.After(reportActive)
		s.doDue(time.Now())
		_, reports := socket.headers(t)
		assert.Empty(t, reports)
		require.Equal(t, 1, s.Send(time.Now(), packets))
		s.doDue(time.Now())
		_, reports = socket.headers(t)
		assert.Len(t, reports, 1)

		<-time.After(reportIdle)
		socket.script = repeat(udp.Refused, 2)
		before := s.Stats()
		s.Send(time.Now(), nil)
		assert.Equal(t, before.Packets, s.Stats().Packets, "the kernel took none")
		assert.Equal(t, before.ConnectionsRefused+1, s.Stats().ConnectionsRefused)
		assert.Len(t, s.redial, 1, "a report that is refused asks for a new socket, too")
		s.End()
	})
}

// TestPathChanges: the limit follows the path, at once where a packet proves too large, and
// within a minute otherwise.
func TestPathChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := &fakeSocket{limit: 9000}
		d := drive(t, &network{answers: []string{"a"}, only: socket}, asItIs)
		assert.Equal(t, 1472, d.Limit(), "no more than was asked for")
		socket.limit = 700
		d.send(2)
		assert.Equal(t, 700, d.Limit())
		assert.Equal(t, 700, d.Stats().PacketSize)
		assert.Equal(t, uint64(4), d.sent())
		assert.Zero(t, d.Stats().SendErrors, "what leaves in fragments is not refused")
		socket.limit = 0
		d.pass(limitEvery)
		assert.Equal(t, 1472, d.Limit())
		d.end()
	})
}

// TestPathChangesWithinAPacket: a fragment that still fits goes on. Where it does not, the
// packet is sent again from its begin, in fragments that fit.
func TestPathChangesWithinAPacket(t *testing.T) {
	for _, tt := range []struct {
		packet int
		limit  [2]int // of the path, before and after the first fragment
		sizes  []int
	}{
		{1000, [2]int{700, 600}, []int{700, 300}},
		{1400, [2]int{700, 600}, []int{700, 600, 600, 200}},
		{1400, [2]int{700, 1400}, []int{700, 700}},
	} {
		synctest.Test(t, func(t *testing.T) {
			socket := &fakeSocket{limit: tt.limit[0], script: []udp.Outcome{udp.Sent, udp.WouldBlock}}
			s, books := open(t, socket, 0)
			packet := packetsOf(books, 1, tt.packet)
			require.Zero(t, s.Send(time.Now(), packet))
			socket.limit = tt.limit[1]
			<-time.After(blockedPause)
			require.Equal(t, 1, s.Send(time.Now(), packet))
			var sizes []int
			for _, b := range socket.taken {
				sizes = append(sizes, len(b))
			}
			assert.Equal(t, tt.sizes, sizes)
			assert.Zero(t, s.Stats().SendErrors)
			assert.Equal(t, uint64(2), books.Settled().Sent, "once")
		})
	}
}

// TestLatencies: how long the first point of a packet was under way, before the pump took it
// and after; points without a time count for nothing, and a clock that jumps back for no time.
func TestLatencies(t *testing.T) {
	const begun, sent = 5_000_000_000, 6_000_000_000 // Unix nanoseconds
	for _, tt := range []struct {
		name             string
		recorded         int64
		total            uint64
		buffer, endToEnd time.Duration
	}{
		{"not timed", 0, 0, 0, 0},
		{"timed", 2_000_000_000, 1, 3 * time.Second, 4 * time.Second},
		{"a clock that has jumped back", 9_000_000_000, 1, 0, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, books := open(t, &fakeSocket{}, 0)
				p := packetsOf(books, 1, 100)
				if tt.recorded != 0 {
					p[0].Recorded = p[0].OpenedAt.UnixNano() - begun + tt.recorded
				}
				<-time.After(sent - begun)
				require.Equal(t, 1, s.Send(time.Now(), p))
				for _, l := range []struct {
					histogram *latency.Histogram
					want      time.Duration
				}{
					{&s.Latencies().Buffer, tt.buffer}, {&s.Latencies().Send, time.Second}, {&s.Latencies().EndToEnd, tt.endToEnd},
				} {
					c := l.histogram.Since(&latency.Counts{})
					assert.Equal(t, tt.total, c.Total())
					if tt.total > 0 {
						assert.InDelta(t, l.want.Seconds(), c.Percentile(50).Seconds(), latency.MaxError*l.want.Seconds()+1e-6)
					}
				}
			})
		})
	}
}

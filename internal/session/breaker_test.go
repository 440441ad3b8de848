package session

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// TestBreakerCounts drives a breaker by hand: what opens it, and what does not.
func TestBreakerCounts(t *testing.T) {
	second := time.Second
	tests := []struct {
		name string
		do   func(b *breaker, at func(time.Duration) time.Time)
		open bool
	}{
		{"nothing", func(*breaker, func(time.Duration) time.Time) {}, false},
		{"ten local errors in a row", func(b *breaker, _ func(time.Duration) time.Time) {
			for range 10 {
				b.failed()
			}
		}, true},
		{"nine, a packet, and nine", func(b *breaker, at func(time.Duration) time.Time) {
			for range 9 {
				b.failed()
			}
			b.took(at(0))
			for range 9 {
				b.failed()
			}
		}, false},
		{"a thousand refusals in two seconds", func(b *breaker, at func(time.Duration) time.Time) {
			for i := range 1000 {
				b.took(at(time.Duration(i) * 2 * time.Millisecond))
				b.refused(at(time.Duration(i) * 2 * time.Millisecond))
			}
		}, false},
		{"in three seconds in a row", func(b *breaker, at func(time.Duration) time.Time) {
			for i := range 3 {
				b.refused(at(time.Duration(i) * second))
			}
		}, true},
		{"in every second one of five", func(b *breaker, at func(time.Duration) time.Time) {
			for i := range 5 {
				b.took(at(time.Duration(i) * second))
				if i%2 == 0 {
					b.refused(at(time.Duration(i) * second))
				}
			}
		}, true},
		{"in every third", func(b *breaker, at func(time.Duration) time.Time) {
			for i := range 60 {
				b.took(at(time.Duration(i) * second))
				if i%3 == 0 {
					b.refused(at(time.Duration(i) * second))
				}
			}
		}, false},
		{"once a minute, with nothing between", func(b *breaker, at func(time.Duration) time.Time) {
			for i := range 3 {
				b.refused(at(time.Duration(i) * time.Minute))
			}
		}, true},
		{"once in three minutes", func(b *breaker, at func(time.Duration) time.Time) {
			for i := range 20 {
				b.refused(at(time.Duration(i) * 3 * time.Minute))
			}
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c counters
			var seen []string
			changed := func(from, to Circuit) { seen = append(seen, fmt.Sprintf("%v > %v", from, to)) }
			b := newBreaker(BreakerConfig{Failures: 10, Timeout: time.Minute}, &c, changed)
			origin := time.Now()
			tt.do(b, func(d time.Duration) time.Time { return origin.Add(d) })
			assert.Equal(t, tt.open, !b.closed())
			if tt.open {
				assert.Equal(t, []string{"closed > open"}, seen)
			}
			disabled := newBreaker(BreakerConfig{Disabled: true, Failures: 10, Timeout: time.Minute}, &counters{}, changed)
			tt.do(disabled, func(d time.Duration) time.Time { return origin.Add(d) })
			assert.True(t, disabled.closed(), "disabled")
		})
	}
}

// TestCircuitNames: each state has a name of its own.
func TestCircuitNames(t *testing.T) {
	for c, want := range map[Circuit]string{CircuitClosed: "closed", CircuitOpen: "open", CircuitHalfOpen: "half-open", 3: "unknown"} {
		assert.Equal(t, want, c.String())
	}
}

// TestCircuitOpensAndCloses goes through a receiver's death and return: points are dropped and
// not kept, a probe that is refused leaves it open, one that is not closes it.
func TestCircuitOpensAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, &network{answers: []string{"a"}}, asItIs)
		require.True(t, d.until(0, func() bool { return d.Stats().Sessions == 1 }))
		sockets := 0 // when it opened
		for begin := time.Now(); d.Stats().Circuit == CircuitClosed; d.pass(200 * time.Millisecond) {
			d.last().script = []udp.Outcome{udp.Refused}
			d.send(1)
			sockets = len(d.addresses())
			require.Less(t, time.Since(begin), 5*time.Second)
		}
		opened := time.Now()
		assert.Equal(t, []string{"closed > open"}, d.changes)
		sent := d.sent()
		d.pass(2 * time.Second)
		assert.Len(t, d.addresses(), sockets+1, "opening dials again")
		before := d.dropped(wire.BreakerOpen)
		d.send(20)
		assert.Equal(t, before+40, d.dropped(wire.BreakerOpen))
		assert.Equal(t, sent, d.sent())

		// The first probe is refused: it was taken, and the answer comes after it.
		probed := d.last()
		taken := len(probed.taken)
		probed.pending = udp.Refused
		require.True(t, d.until(time.Minute, func() bool { return len(d.changes) == 3 }))
		assert.Equal(t, []string{"open > half-open", "half-open > open"}, d.changes[1:])
		assert.InDelta(t, 30, d.when[1].Sub(d.when[0]).Seconds(), 6.01, "half a minute, give or take a fifth")
		assert.Equal(t, probeWait, d.when[2].Sub(d.when[1]), "the time to answer")
		assert.Len(t, probed.taken, taken+1, "one packet is the probe")

		require.True(t, d.until(75*time.Second-time.Since(opened), func() bool { return d.Stats().Circuit == CircuitClosed }))
		assert.Equal(t, []string{"open > half-open", "half-open > closed"}, d.changes[3:])
		d.send(1)
		assert.Equal(t, sent+2, d.sent())
		d.end()
	})
}

// TestLocalErrorsOpenTheCircuit: ten in a row, whatever they are, but not within a moment; the
// probe that fails itself leaves it open, and one that does not closes it.
func TestLocalErrorsOpenTheCircuit(t *testing.T) {
	for _, o := range []udp.Outcome{udp.Unreachable, udp.Denied, udp.NoBuffers, udp.Failed, udp.Closed} {
		t.Run(o.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeSocket{script: repeat(o, 1<<20)}
				d := drive(t, &network{answers: []string{"a"}, only: s}, asItIs)
				begin := time.Now()
				d.send(100)
				assert.Equal(t, 327*time.Millisecond, time.Since(begin))
				assert.Equal(t, CircuitOpen, d.Stats().Circuit)
				assert.Zero(t, d.sent())
				assert.Equal(t, [2]uint64{20, 180}, [2]uint64{d.dropped(wire.SendError), d.dropped(wire.BreakerOpen)})
				d.pass(2 * time.Minute)
				assert.Equal(t, CircuitOpen, d.Stats().Circuit)
				assert.Contains(t, d.changes, "half-open > open")
				assert.NotContains(t, d.changes, "half-open > closed")
				s.script = nil
				d.pass(40 * time.Second)
				assert.Equal(t, CircuitClosed, d.Stats().Circuit, "without any traffic")
				d.end()
			})
		})
	}
}

// TestProbeIsTriedTwice: an outcome that may pass by itself does not cost another timeout.
func TestProbeIsTriedTwice(t *testing.T) {
	for _, tt := range []struct {
		outcome udp.Outcome
		passes  bool
	}{
		{udp.Refused, true}, {udp.Unreachable, true}, {udp.Denied, true}, {udp.TooLarge, true}, {udp.Failed, true},
		{udp.NoBuffers, false}, {udp.WouldBlock, false}, {udp.Closed, false},
	} {
		t.Run(tt.outcome.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeSocket{}
				d := drive(t, &network{answers: []string{"a"}, only: s}, asItIs)
				s.script = repeat(udp.Closed, 10)
				d.send(20)
				require.Equal(t, CircuitOpen, d.Stats().Circuit)
				d.pass(20 * time.Second)
				s.script = []udp.Outcome{tt.outcome}
				d.pass(17 * time.Second)
				assert.Equal(t, tt.passes, d.Stats().Circuit == CircuitClosed, "%v", d.changes)
				d.end()
			})
		})
	}
}

// TestProbeMovesWithTheSocket: the answer to a probe under way is awaited on the new socket,
// and not on the one before.
func TestProbeMovesWithTheSocket(t *testing.T) {
	for _, dead := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := open(t, &fakeSocket{}, 0)
			for range 10 {
				s.breaker.failed()
			}
			s.breaker.reset(time.Now())
			<-time.After(time.Millisecond)
			s.Send(time.Now(), nil)
			require.Equal(t, CircuitHalfOpen, s.Stats().Circuit)
			<-time.After(probeWait - time.Millisecond)
			next := &fakeSocket{dead: dead}
			s.Begin(Dialled{next, udp.Address{Path: "a"}})
			_, reports := next.headers(t)
			assert.Len(t, reports, 1)
			<-time.After(probeWait - time.Millisecond)
			s.Send(time.Now(), nil)
			assert.Equal(t, CircuitHalfOpen, s.Stats().Circuit, "it has all its time")
			<-time.After(time.Millisecond)
			s.Send(time.Now(), nil)
			assert.Equal(t, !dead, s.Stats().Circuit == CircuitClosed)
			s.End()
		})
	}
}

// TestProbeInTheMomentOfOpening: a circuit that is to be probed in the very moment in which it
// has opened is probed a moment later, and not forgotten.
func TestProbeInTheMomentOfOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(BreakerConfig{Failures: 1, Timeout: time.Minute}, &counters{}, func(Circuit, Circuit) {})
		b.failed()
		now := time.Now()
		b.reset(now)
		assert.False(t, b.due(now))
		at, ok := b.next()
		assert.True(t, ok)
		assert.Equal(t, now.Add(gobreakerPause), at)
		<-time.After(time.Until(at))
		assert.True(t, b.due(time.Now()))
		assert.False(t, b.due(time.Now()), "one probe at a time")
		b.answered(nil)
		assert.True(t, b.closed())
	})
}

// TestRetryEndsWithItsPacket: the errors of a packet that was dropped when the circuit opened
// do not count against the first packet when it has closed.
func TestRetryEndsWithItsPacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t, &network{answers: []string{"a"}}, asItIs)
		d.set(func(n *network) { n.failure = errUnreachable })
		s := d.last()
		for range 3 {
			s.script = []udp.Outcome{udp.Refused}
			d.send(1)
			d.pass(1100 * time.Millisecond)
		}
		require.Equal(t, CircuitOpen, d.Stats().Circuit)
		d.pass(37 * time.Second)
		require.Equal(t, CircuitClosed, d.Stats().Circuit)
		before := d.sent()
		s.script = []udp.Outcome{udp.Refused}
		d.send(5)
		assert.Equal(t, before+10, d.sent())
		d.end()
	})
}

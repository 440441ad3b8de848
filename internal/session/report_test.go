package session

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// TestReports: a report leaves a second after packets have, and then every ten seconds. It says
// what the session has sent so far, and has a number of its own. The goodbye has one number,
// however often it is sent.
func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := &fakeSocket{}
		s, books := open(t, socket, 0)
		books.Refuse(wire.Invalid)
		require.Equal(t, 3, s.Send(time.Now(), packetsOf(books, 3, 100)))
		pass(s, 25*time.Second)
		var want []wire.Report
		for i, age := range []time.Duration{time.Second, 11 * time.Second, 21 * time.Second} {
			r := wire.Report{Age: uint64(age), PacketsSent: uint64(3 + i), PointsSent: 6, PacketLimit: 1472}
			r.Dropped[wire.Invalid] = 1
			want = append(want, r)
		}
		assert.Equal(t, want, s.session.encoding.(*plain).reports)
		s.End()
		require.Len(t, socket.taken, 3+3+goodbyes)
		for i, d := range socket.taken {
			assert.Equal(t, byte(min(i, 6)), d[0])
		}
		assert.True(t, socket.closed)
		assert.Equal(t, uint64(9), s.Stats().Packets)
	})
}

// TestReportsDoNotPart the fragments of one body.
func TestReportsDoNotPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := &fakeSocket{}
		s, books := open(t, socket, 1)
		packets := packetsOf(books, 1, 8000)
		s.nextReport = time.Now().Add(500 * time.Millisecond)
		for begin := time.Now(); len(packets) > 0; packets = packets[s.Send(time.Now(), packets):] {
			require.Less(t, time.Since(begin), time.Minute)
			<-time.After(time.Until(s.Deadline(time.Now(), packets, 8000)))
		}
		fragments := len(socket.taken)
		assert.Greater(t, fragments, 10)
		assert.Empty(t, s.session.encoding.(*plain).reports)
		pass(s, time.Millisecond)
		assert.Len(t, s.session.encoding.(*plain).reports, 1, "it was due long ago")
		assert.Len(t, socket.taken, fragments+1)
	})
}

// TestReportRefused: a report that the kernel does not take leaves no gap in the numbers.
func TestReportRefused(t *testing.T) {
	for _, o := range []udp.Outcome{udp.Refused, udp.NoBuffers, udp.WouldBlock} {
		synctest.Test(t, func(t *testing.T) {
			socket := &fakeSocket{script: repeat(o, 2)}
			s, books := open(t, socket, 0)
			assert.False(t, s.sendReport())
			socket.script = nil
			require.Equal(t, 1, s.Send(time.Now(), packetsOf(books, 1, 100)))
			assert.Equal(t, byte(0), socket.taken[0][0])
			assert.Equal(t, o != udp.WouldBlock, s.Stats().SendErrors == 1)
			assert.Equal(t, o == udp.Refused, s.Stats().ConnectionsRefused == 1)
		})
	}
}

// TestProbes: when the circuit has been open for its timeout, a report goes out. If nobody
// refuses it the circuit closes. If not, it stays open for as long again.
func TestProbes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script []udp.Outcome
		answer udp.Outcome
		closes bool
	}{
		{"nobody refuses it", nil, udp.Sent, true},
		{"an error about an earlier packet", repeat(udp.Refused, 1), udp.Sent, true},
		{"the port is closed", nil, udp.Refused, false},
		{"an error is pending", nil, udp.Unreachable, false},
		{"the kernel does not take it", repeat(udp.NoBuffers, 1), udp.Sent, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				socket := &fakeSocket{}
				s, books := open(t, socket, 0)
				var states []Circuit
				s.config.OnCircuit = nil
				s.breaker.changed = func(from, to Circuit) { states = append(states, from, to) }
				for range refusedSlots {
					s.noteRefused(time.Now(), udp.Refused)
					<-time.After(slotLength)
				}
				opened := s.breaker.retryAt.Add(-s.breaker.config.Timeout)
				require.Equal(t, []Circuit{CircuitClosed, CircuitOpen}, states)
				pass(s, s.breaker.config.Timeout-2*slotLength)
				require.Equal(t, 1, s.Send(time.Now(), packetsOf(books, 1, 100)))
				assert.Equal(t, uint64(2), books.Settled().Dropped[wire.BreakerOpen])
				assert.Empty(t, socket.taken, "nothing is sent")

				socket.script, socket.answer = tt.script, tt.answer
				for len(states) < 6 && time.Since(opened) < 2*time.Minute {
					pass(s, 10*time.Millisecond)
				}
				last := CircuitOpen
				if tt.closes {
					last = CircuitClosed
				}
				assert.Equal(t, []Circuit{CircuitClosed, CircuitOpen, CircuitOpen, CircuitHalfOpen, CircuitHalfOpen, last}, states)
				assert.InDelta(t, s.breaker.config.Timeout, time.Since(opened), float64(time.Second))
				socket.script, socket.answer = nil, udp.Sent
				if !tt.closes {
					pass(s, s.breaker.config.Timeout+time.Second)
				}
				assert.Equal(t, CircuitClosed, s.Stats().Circuit, "nobody refuses it at the next time")
				require.Equal(t, 1, s.Send(time.Now(), packetsOf(books, 1, 100)))
				assert.Equal(t, uint64(2), books.Settled().Sent)
			})
		})
	}
}

// TestProbeOnANewSocket: a probe that waits for its answer is sent again on the socket that
// takes the place of its own.
func TestProbeOnANewSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, &fakeSocket{}, 0)
		for range refusedSlots {
			s.noteRefused(time.Now(), udp.Refused)
			<-time.After(slotLength)
		}
		for s.Stats().Circuit != CircuitHalfOpen {
			pass(s, 10*time.Millisecond)
		}
		next := &fakeSocket{}
		s.Begin(Dialled{next, udp.Address{Path: "b"}})
		assert.Len(t, next.taken, 1, "the probe")
		pass(s, probeWait)
		assert.Equal(t, CircuitClosed, s.Stats().Circuit)
	})
}

func TestCircuitNames(t *testing.T) {
	for c, want := range []string{"closed", "open", "half-open", "unknown"} {
		assert.Equal(t, want, Circuit(c).String())
	}
}

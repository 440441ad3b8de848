package receiver

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/receiver/internal/window"
	"github.com/otelgram/otelgram/wire"
)

// fragmentsOf makes the fragments of a body with that many points.
func fragmentsOf(t *testing.T, session, first uint64, before uint32, points int) (out [][]byte) {
	t.Helper()
	packet := gauges(t, wire.Header{}, points)
	limit := max(len(packet)/5, 60)
	n := wire.Fragments(packet, limit)
	for i := range n {
		h := wire.Header{Format: wire.FragmentFormat, Session: session, Sequence: first + uint64(i), PointsBefore: before}
		if i == n-1 {
			h.Points = uint16(points)
		}
		f := wire.AppendFragment(nil, packet, limit, i)
		wire.Stamp(f, &h)
		out = append(out, f)
	}
	return out
}

// TestFragmentsArrive: fragments may come in any order, twice, and between others. Each
// body is delivered once and whole, and the books close.
func TestFragmentsArrive(t *testing.T) {
	got := make(chan int, 1000)
	r := listen(t, func(rm *metricdata.ResourceMetrics) {
		got <- len(rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[int64]).DataPoints)
	})
	send := dial(t, r)
	var all [][]byte
	want, packets := 0, 0
	for session := range uint64(3) {
		sequence, before := uint64(0), uint32(0)
		for body := range 10 {
			points := 20 + body
			parts := fragmentsOf(t, session, sequence, before, points)
			single := gauges(t, wire.Header{Session: session, Sequence: sequence + uint64(len(parts)), PointsBefore: before + uint32(points)}, 2)
			all = append(append(all, parts...), parts...)
			all = append(all, single)
			sequence += uint64(len(parts)) + 1
			before += uint32(points) + 2
			want += points + 2
			packets += len(parts) + 1
		}
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	send(all...)
	for total := 0; total < want; {
		select {
		case n := <-got:
			total += n
		case <-time.After(10 * time.Second):
			require.FailNow(t, "points are missing", "%d of %d", total, want)
		}
	}
	eventually(t, r, func(s Stats) bool {
		return s.Packets.Delivered == uint64(packets) && s.Points.Delivered == uint64(want) && s.Packets.Received == uint64(packets)
	})
	s := r.Stats()
	assert.Zero(t, s.Packets.Lost+s.Packets.Rejected+s.Packets.Overrun)
	assert.Empty(t, r.reassembly.partials)
	assert.Zero(t, r.reassembly.bytes)
}

// TestIncompleteBodies: with one fragment missing the others are rejected, and the
// points with the last one; without the last one they are lost.
func TestIncompleteBodies(t *testing.T) {
	t.Parallel()
	for missing := range 5 {
		t.Run(fmt.Sprint(missing), func(t *testing.T) {
			t.Parallel()
			r := listen(t, func(*metricdata.ResourceMetrics) { t.Error("handed over") })
			send := dial(t, r)
			parts := fragmentsOf(t, 1, 0, 0, 50)
			last := len(parts) - 1
			require.Greater(t, last, 3)
			gone := missing
			if missing == 4 {
				gone = last
			}
			send(append(append([][]byte{}, parts[:gone]...), parts[gone+1:]...)...)
			after := wire.AppendReport(nil, &wire.Report{Age: 1})
			wire.Stamp(after, &wire.Header{Format: wire.SenderReport, Session: 1, Sequence: uint64(len(parts)), PointsBefore: 50})
			send(after)
			eventually(t, r, func(s Stats) bool { return s.Packets.Rejected == uint64(last) && s.Packets.Lost == 1 })
			s := r.Stats()
			assert.Equal(t, uint64(last), s.Rejected.Incomplete)
			if gone == last {
				assert.Equal(t, Counts{Sent: 50, Lost: 50}, s.Points)
			} else {
				assert.Equal(t, Counts{Sent: 50, Received: 50, Rejected: 50}, s.Points)
			}
			assert.Equal(t, s.Packets.Received, s.Packets.Delivered+s.Packets.Rejected)
		})
	}
}

// TestCloseWithIncompleteBodies: what is missing will not come, and is counted.
func TestCloseWithIncompleteBodies(t *testing.T) {
	r, err := Listen("127.0.0.1:0", drop)
	require.NoError(t, err)
	parts := fragmentsOf(t, 1, 0, 0, 50)[1:]
	dial(t, r)(parts...)
	eventually(t, r, func(s Stats) bool { return s.Packets.Received == uint64(len(parts)) })
	require.NoError(t, r.Close())
	s := r.Stats()
	assert.Equal(t, s.Packets.Received, s.Packets.Rejected)
	assert.Equal(t, uint64(50), s.Points.Rejected)
}

// TestBadFragments: bad fragments are malformed, and leave the body intact to which they do
// not belong.
func TestBadFragments(t *testing.T) {
	t.Parallel()
	done := make(chan struct{}, 1)
	r := listen(t, func(*metricdata.ResourceMetrics) { done <- struct{}{} })
	send := dial(t, r)
	parts := fragmentsOf(t, 1, 100, 0, 50)
	bad := append([]byte(nil), parts[2]...)
	bad[wire.HeaderSize+1] = 77 // another number of fragments
	h, err := wire.ParseHeader(parts[2])
	require.NoError(t, err)
	wire.Stamp(bad, &h)
	alone := append([]byte(nil), parts[0]...)
	alone[wire.HeaderSize+1] = 0
	wire.Stamp(alone, &wire.Header{Format: wire.FragmentFormat, Session: 2, Points: 3})
	send(parts[0], bad, alone)
	eventually(t, r, func(s Stats) bool { return s.Rejected.Malformed == 2 && s.Packets.Rejected == 2 })
	send(parts[1:]...) // the third is a duplicate now
	eventually(t, r, func(s Stats) bool { return s.Rejected.Incomplete == uint64(len(parts)-1) })
	s := r.Stats()
	assert.Equal(t, uint64(53), s.Points.Rejected)
	assert.Empty(t, done)
}

// TestReassemblyIsBounded: the memory is bounded, whatever comes. What has waited longest
// goes first, and a body that comes quickly gets through.
func TestReassemblyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReassembly(defaultReassemblySize)
		s := newSession(&wire.Header{}, source, time.Now())
		rnd := rand.New(rand.NewPCG(5, 5))
		kept, evicted := 0, 0
		data := make([]byte, 60_000)
		for i := range 40_000 {
			size := 1
			if i%10 == 0 {
				size = 1 + rnd.IntN(len(data))
			}
			last := 1 + rnd.IntN(255)
			f := wire.Fragment{Index: rnd.IntN(last), Last: last, Data: data[:size]}
			whole, out, ok := r.add(&body{session: s, header: wire.Header{Sequence: uint64(1000 * i)}}, f, time.Now())
			require.True(t, ok)
			require.Nil(t, whole)
			kept++
			evicted += len(out)
			require.LessOrEqual(t, r.bytes, defaultReassemblySize)
			if i%1000 == 999 { // an honest body, with a little of the flood in between
				first := uint64(1000*i + 500)
				for k := range 2 {
					f := wire.Fragment{Index: k, Last: 1, Data: data[:1400]}
					whole, out, ok = r.add(&body{session: s, header: wire.Header{Sequence: first + uint64(k)}}, f, time.Now())
					require.True(t, ok)
					evicted += len(out)
				}
				require.NotNil(t, whole)
				require.Equal(t, 2, whole.packets)
			}
			<-time.After(10 * time.Microsecond)
		}
		require.Positive(t, evicted)
		assert.Equal(t, kept-evicted, len(r.partials))
		assert.Equal(t, len(r.partials), r.waiting.Len())
		assert.Empty(t, r.expire(time.Now().Add(-reassemblyAge)))
		<-time.After(reassemblyAge)
		expired := 0
		for len(r.partials) > 0 {
			out := r.expire(time.Now().Add(-reassemblyAge))
			require.NotEmpty(t, out)
			require.LessOrEqual(t, len(out), stride)
			expired += len(out)
		}
		assert.Equal(t, kept-evicted, expired)
		assert.Zero(t, r.bytes)
	})
}

// TestForgottenSessionsKeepLittle: unfinished bodies keep a session in memory that has left
// the table, but not its window.
func TestForgottenSessionsKeepLittle(t *testing.T) {
	table, r := newTabled(begin), newReassembly(defaultReassemblySize)
	before := allocs.Heap()
	for id := range uint64(20_000) {
		h := wire.Header{Session: id, Sequence: window.Max - 1}
		s, v := table.see(&h, source, begin)
		require.Equal(t, window.Fresh, v)
		_, _, ok := r.add(&body{session: s, header: h}, wire.Fragment{Index: 0, Last: 9, Data: []byte{1}}, begin)
		require.True(t, ok)
	}
	for table.len() > 0 {
		table.forget(table.leastUseful(), begin)
	}
	assert.LessOrEqual(t, allocs.Heap()-before, int64(2*defaultReassemblySize))
	assert.Greater(t, len(r.partials), 5000)
	runtime.KeepAlive(r)
}

package handoff

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/notice"
	"github.com/otelgram/otelgram/internal/waker"
	"github.com/otelgram/otelgram/wire"
)

// closesInTheMiddle is a queue that is closed while an Export walks over its data: when the
// Export says that a point is too large.
func closesInTheMiddle() *world {
	w := &world{}
	w.Queue = New(Config{
		Capacity: 1024, Run: 16, Books: &w.books, Memory: account.NewBudget(math.MaxInt64), Waker: waker.New(),
		Notices: notice.New(func(error) bool { close(w.closing); return true }),
	})
	w.reader = w.Reader()
	return w
}

// TestCloseDuringAWalk: an Export that has room for all its points stops soon after the queue is
// closed. The rest is dropped as shutdown, and what has no wire form as that.
func TestCloseDuringAWalk(t *testing.T) {
	tooLarge, unknown := histogram(1, wire.MaxBody), metricdata.Metrics{Name: "n", Data: metricdata.Sum[int64]{DataPoints: make([]metricdata.DataPoint[int64], 3)}}
	for _, tt := range []struct {
		name    string
		scopes  [][]metricdata.Metrics
		handed  [2]int // least and most
		unknown uint64
	}{
		{"before", [][]metricdata.Metrics{{sum(50), tooLarge}}, [2]int{50, 50}, 0},
		{"in the same scope", [][]metricdata.Metrics{{tooLarge, sum(500)}}, [2]int{0, offerRun}, 0},
		{"in the same scope, in small metrics", [][]metricdata.Metrics{{tooLarge, sum(40), sum(40), sum(40)}}, [2]int{0, offerRun}, 0},
		{"points with payloads", [][]metricdata.Metrics{{tooLarge, histogram(500, 2)}}, [2]int{0, offerRun}, 0},
		{"in the next scope", [][]metricdata.Metrics{{sum(10), tooLarge}, {sum(500)}, {histogram(5, 2)}}, [2]int{10, 10}, 0},
		{"an unknown metric in the next scope", [][]metricdata.Metrics{{tooLarge}, {unknown, sum(5)}}, [2]int{0, 0}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := closesInTheMiddle()
			rm := metricsOf()
			rm.ScopeMetrics = nil
			for _, metrics := range tt.scopes {
				rm.ScopeMetrics = append(rm.ScopeMetrics, metricdata.ScopeMetrics{Scope: instrumentation.Scope{Name: "scope"}, Metrics: metrics})
			}
			err := w.Export(t.Context(), rm)
			handed := w.take(func(*wire.Point) {})
			s := w.requireBooks(t, 0)
			assert.GreaterOrEqual(t, handed, tt.handed[0])
			assert.LessOrEqual(t, handed, tt.handed[1])
			assert.Equal(t, uint64(1), s.Dropped[wire.Oversize])
			assert.Equal(t, tt.unknown, s.Dropped[wire.Encode])
			assert.Equal(t, w.books.Offered()-uint64(handed)-1-tt.unknown, s.Dropped[wire.Shutdown])
			if s.Dropped[wire.Shutdown] > 0 {
				require.EqualError(t, err, metric.ErrExporterShutdown.Error(), "once, and no other error")
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, w.payloads.made, w.payloads.free.Len(), "every payload is back")
			assert.False(t, w.UnderWay())
		})
	}
}

// TestCloseWhileWaitingForTheQueue: whoever waits for an Export or a collection under way to
// end stops waiting once the queue is closed, and its points are counted.
func TestCloseWhileWaitingForTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(64, math.MaxInt64)
		holder := w.Sink()
		require.True(t, holder.Await(t.Context(), false))
		exported, awaited := make(chan error, 1), make(chan bool, 1)
		go func() { exported <- w.Export(t.Context(), metricsOf(sum(5))) }()
		waiter := w.Sink()
		go func() { awaited <- waiter.Await(t.Context(), true) }()
		synctest.Wait()
		assert.Empty(t, exported)
		assert.Empty(t, awaited)
		closed := make(chan struct{})
		go func() { w.Close(); close(closed) }()
		require.ErrorIs(t, <-exported, metric.ErrExporterShutdown)
		assert.False(t, <-awaited)
		assert.False(t, holder.Await(t.Context(), false))
		assert.Equal(t, uint64(1), w.Exports(), "the Export had points")
		waiter.Done()
		assert.Equal(t, uint64(1), w.Exports(), "the collection had none")
		holder.Refuse(wire.Deadline)
		assert.True(t, w.UnderWay())
		synctest.Wait()
		select {
		case <-closed:
			assert.Fail(t, "Close waits until the holder has left")
		default:
		}
		holder.Done()
		<-closed
		assert.False(t, w.UnderWay())
		assert.Equal(t, uint64(2), w.Exports(), "a collection that pushed nothing, and dropped a point")
		require.ErrorIs(t, w.Export(t.Context(), metricsOf(sum(0))), metric.ErrExporterShutdown)
		assert.Equal(t, uint64(2), w.Exports(), "it had no points")
		assert.Equal(t, uint64(5), w.requireBooks(t, 0).Dropped[wire.Shutdown])
	})
}

// TestSinkWaitsForAPayload: a collection waits for a payload until its context ends or the queue
// is closed. It gets one as soon as there is one, and what needs none does not wait.
func TestSinkWaitsForAPayload(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(w *world, cancel func())
		want bool
	}{
		{"the context ends", func(_ *world, cancel func()) { cancel() }, false},
		{"the queue is closed", func(w *world, _ func()) { close(w.closing) }, false},
		{"one is given back", func(w *world, _ func()) { w.take(func(*wire.Point) {}) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := open(16, 4096) // room for one payload
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s := w.Sink()
				m := &wire.Metric{}
				require.True(t, s.Await(ctx, true))
				s.Push(&wire.Point{Metric: m, Distribution: &wire.Distribution{Count: 1}})
				require.True(t, s.Await(ctx, false), "a number needs none")
				s.Push(&wire.Point{Metric: m})
				awaited := make(chan bool, 1)
				go func() { awaited <- s.Await(ctx, true) }()
				<-time.After(time.Hour)
				assert.Empty(t, awaited)
				tt.end(w, cancel)
				assert.Equal(t, tt.want, <-awaited)
				s.Done()
				assert.False(t, w.UnderWay())
				w.take(func(*wire.Point) {})
				assert.Equal(t, uint64(2), w.requireBooks(t, 0).Sent)
				assert.Equal(t, 1, w.payloads.made)
				assert.Equal(t, 1, w.payloads.free.Len(), "it is back")
			})
		})
	}
}

// TestExportWaitsForAPayload: an Export whose points find room in the queue and no payload waits
// as well. Whatever ends its wait, each point is counted once.
func TestExportWaitsForAPayload(t *testing.T) {
	for _, tt := range []struct {
		name   string
		end    func(w *world, cancel func())
		err    error
		reason wire.DropReason
		lost   uint64
	}{
		{"the context ends", func(_ *world, cancel func()) { cancel() }, context.Canceled, wire.Deadline, 9},
		{"the queue is closed", func(w *world, _ func()) { close(w.closing) }, metric.ErrExporterShutdown, wire.Shutdown, 9},
		{"payloads are given back", func(*world, func()) {}, nil, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := open(16, 4096) // room for one payload
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				exported := make(chan error, 1)
				go func() { exported <- w.Export(ctx, metricsOf(histogram(10, 2))) }()
				<-time.After(time.Hour)
				assert.Empty(t, exported)
				assert.Equal(t, 1, w.Len())
				tt.end(w, cancel)
				pumping, stop := context.WithCancel(t.Context())
				synctest.Wait()
				go w.pump(pumping)
				require.ErrorIs(t, <-exported, tt.err)
				<-time.After(time.Second)
				stop()
				synctest.Wait()
				s := w.requireBooks(t, 0)
				assert.Equal(t, 10-tt.lost, s.Sent)
				assert.Equal(t, tt.lost, s.Dropped[tt.reason])
				assert.Equal(t, 1, w.payloads.made)
				assert.Equal(t, 1, w.payloads.free.Len(), "it is back")
			})
		})
	}
}

// TestExportsTakeTurns: an Export that comes while a collection is under way waits for its end,
// and then proceeds.
func TestExportsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(64, math.MaxInt64)
		s := w.Sink()
		require.True(t, s.Await(t.Context(), false))
		exported := make(chan error, 1)
		go func() { exported <- w.Export(t.Context(), metricsOf(sum(3))) }()
		synctest.Wait()
		s.Push(&wire.Point{Metric: &wire.Metric{Name: wire.NewSymbol("collected")}})
		assert.Equal(t, 1, w.Len())
		s.Done()
		require.NoError(t, <-exported)
		var names []string
		w.take(func(p *wire.Point) { names = append(names, p.Metric.Name.Text()) })
		assert.Equal(t, []string{"collected", "sum", "sum", "sum"}, names)
	})
}

// TestFillKeepsTheRun: nothing is taken out of the queue while some of the last run are left.
func TestFillKeepsTheRun(t *testing.T) {
	w := open(64, math.MaxInt64)
	require.NoError(t, w.Export(t.Context(), metricsOf(sum(20))))
	require.True(t, w.reader.Fill())
	_, _, ok := w.reader.Take()
	require.True(t, ok)
	for range 3 {
		assert.True(t, w.reader.Fill())
		assert.Equal(t, [2]int{15, 4}, [2]int{w.reader.Pending(), w.Len()})
	}
	assert.Equal(t, 19, w.take(func(*wire.Point) {}))
}

// TestChargeBeyondTheBudget: what a collection pushes cannot wait, and is taken beyond the
// budget. It is in use until it is given back, which leaves the budget as it was.
func TestChargeBeyondTheBudget(t *testing.T) {
	const counts, points = 10_000, 5
	const each = 8*counts - payloadCost
	for _, tt := range []struct {
		name    string
		memory  int64
		charged int64
	}{
		{"none", 0, 0},
		{"for payloads alone", points * payloadCost, 0},
		{"for two", points*payloadCost + 2*each, 2 * each},
		{"enough", 1 << 30, points * each},
	} {
		t.Run(tt.name, func(t *testing.T) {
			memory := account.NewBudget(tt.memory)
			p := newPayloads(memory)
			var inUse []*payload
			for range points {
				x := p.tryTake()
				if x == nil { // no budget: whoever collects would wait
					x = &payload{}
				}
				inUse = append(inUse, x)
			}
			before := memory.Left()
			for i, x := range inUse {
				x.setDistribution(&wire.Distribution{BucketCounts: make([]uint64, counts)})
				p.charge(x)
				assert.Equal(t, int64((i+1)*each), p.extra.Load(), "in use")
			}
			assert.Equal(t, tt.charged, before-memory.Left())
			for _, x := range inUse {
				p.give(x)
			}
			assert.Zero(t, p.extra.Load())
			assert.Equal(t, before, memory.Left())
		})
	}
}

// TestPayloadsKeepLittle: a payload that is given back keeps no more memory than it is charged
// for, and nothing of the point that it carried.
func TestPayloadsKeepLittle(t *testing.T) {
	for _, tt := range []struct {
		counts, bounds int
		kept           bool
	}{
		{10, 9, true},
		{256, 255, true},
		{400, 399, false},          // together more than the charge
		{maxKept, 0, false},        // by itself
		{2 * maxKept, 9, true},     // the counts alone are let go
		{100, 50 * maxKept, true},  // the bounds alone
		{300, 2 * maxKept, true},   // these, too
		{maxKept - 1, 1000, false}, // both within the bound for a list
		{maxKept + 1, 2000, true},  // neither: nothing is left to charge for
		{0, payloadCost / 8, true}, // just what is charged
		{0, payloadCost/8 + 1, false},
	} {
		p := newPayloads(account.NewBudget(math.MaxInt64))
		x := p.tryTake()
		x.counts, x.bounds = make([]uint64, tt.counts), make([]float64, tt.bounds)
		x.distribute(wire.Distribution{Count: 7, BucketCounts: x.counts, Bounds: x.bounds})
		p.charge(x)
		p.give(x)
		again := p.tryTake()
		require.NotNil(t, again)
		assert.Equal(t, tt.kept, x == again, "%+v", tt)
		assert.LessOrEqual(t, again.size(), payloadCost)
		assert.Empty(t, again.counts)
		assert.Empty(t, again.bounds)
		assert.Zero(t, again.distribution)
		assert.False(t, again.distributed)
		assert.Zero(t, p.extra.Load())
	}
}

// TestUnusedQueue: a queue to which nothing was handed over has nothing, ends at once, and says
// how much it would hold.
func TestUnusedQueue(t *testing.T) {
	w := open(64, math.MaxInt64)
	assert.Equal(t, 64, w.Cap())
	assert.Equal(t, [4]uint64{}, [4]uint64{uint64(w.Len()), w.pushed(), w.popped(), w.reader.Taken()})
	assert.False(t, w.reader.Fill())
	assert.False(t, w.InUse())
	require.NoError(t, w.Export(t.Context(), metricsOf(sum(0))))
	assert.Zero(t, w.Exports(), "it had no points")
	w.Close()
	w.reader.Discard()
	assert.Zero(t, w.requireBooks(t, 0))
}

// TestCancelledIsForgotten: how many points a cancelled Export lost is known until the second
// Export after it: the SDK exports once more before it shuts the exporter down.
func TestCancelledIsForgotten(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	late, end := context.WithDeadline(t.Context(), time.Now().Add(-time.Hour))
	defer end()
	type export struct {
		ctx    context.Context
		points int // without room
	}
	ok := export{t.Context(), 0}
	for _, tt := range []struct {
		name    string
		exports []export
		want    int
	}{
		{"none", nil, 0},
		{"one", []export{ok}, 0},
		{"the last", []export{ok, {over, 7}}, 7},
		{"the one before", []export{{over, 7}, ok}, 7},
		{"longer ago", []export{{over, 7}, ok, ok}, 0},
		{"the last of two", []export{{over, 7}, {over, 3}}, 3},
		{"it lost none", []export{{over, 0}}, 0},
		{"it was late", []export{{late, 7}}, 0},
	} {
		var c cancelled
		for _, e := range tt.exports {
			c.note(e.ctx, e.points)
		}
		assert.Equal(t, tt.want, c.recent(), tt.name)
	}
}

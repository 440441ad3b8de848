package handoff

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/notice"
	"github.com/otelgram/otelgram/internal/waker"
	"github.com/otelgram/otelgram/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a queue whose pump is the test.
type world struct {
	*Queue
	reader *Reader
	books  account.Books
	said   []string
}

func open(capacity int, memory int64) *world {
	w := &world{}
	w.Queue = New(Config{
		Capacity: capacity, Run: 16, Books: &w.books, Memory: account.NewBudget(memory), Waker: waker.New(),
		Notices: notice.New(func(err error) bool { w.said = append(w.said, err.Error()); return true }),
	})
	w.reader = w.Reader()
	return w
}

// take takes all points that wait, as the pump does, and counts them as sent.
func (w *world) take(each func(p *wire.Point)) (n int) {
	for w.reader.Fill() {
		for {
			p, _, ok := w.reader.Take()
			if !ok {
				break
			}
			each(p)
			w.books.Send(1)
			n++
		}
	}
	return n
}

// pump takes points every millisecond until ctx ends.
func (w *world) pump(ctx context.Context) {
	for ctx.Err() == nil {
		w.take(func(*wire.Point) {})
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (w *world) requireBooks(t *testing.T, queued int) account.Settled {
	t.Helper()
	s := w.books.Settled()
	sum := s.Sent
	for _, n := range s.Dropped {
		sum += n
	}
	require.Equal(t, w.books.Offered(), sum+uint64(queued)+w.books.InPump(), "%+v", s)
	return s
}

// metricsOf makes the data of one scope.
func metricsOf(metrics ...metricdata.Metrics) *metricdata.ResourceMetrics {
	return &metricdata.ResourceMetrics{
		Resource:     resource.NewSchemaless(attribute.String("service.name", "test")),
		ScopeMetrics: []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: "scope"}, Metrics: metrics}},
	}
}

func sum(points int) metricdata.Metrics {
	d := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality}
	for i := range points {
		d.DataPoints = append(d.DataPoints, metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attribute.Int("k", i)), Value: int64(i)})
	}
	return metricdata.Metrics{Name: "sum", Data: d}
}

// histogram makes points with so many bounds.
func histogram(points, bounds int) metricdata.Metrics {
	d := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
	for range points {
		d.DataPoints = append(d.DataPoints, metricdata.HistogramDataPoint[float64]{
			Bounds: make([]float64, bounds), BucketCounts: make([]uint64, bounds+1),
		})
	}
	return metricdata.Metrics{Name: "histogram", Data: d}
}

// TestExportWaitsForRoom: an Export of more points, or payloads, than there is room for
// waits. Whatever ends its wait, each point is counted once, and every payload comes back.
func TestExportWaitsForRoom(t *testing.T) {
	for _, load := range []metricdata.Metrics{sum(500), histogram(3*maxPayloads, 2)} {
		for _, tt := range []struct {
			name   string
			end    func(w *world, cancel func())
			err    error
			reason wire.DropReason
		}{
			{"room", func(*world, func()) {}, nil, 0},
			{"the context", func(_ *world, cancel func()) { cancel() }, context.Canceled, wire.Deadline},
			{"Close", func(w *world, _ func()) { w.Close() }, metric.ErrExporterShutdown, wire.Shutdown},
		} {
			t.Run(load.Name+", "+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := open(16, math.MaxInt64)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					exported := make(chan error, 1)
					go func() { exported <- w.Export(ctx, metricsOf(load)) }()
					synctest.Wait() // until it waits
					assert.Empty(t, exported)
					assert.True(t, w.UnderWay())
					tt.end(w, cancel)
					pumping, stop := context.WithCancel(t.Context())
					go w.pump(pumping)
					err := <-exported
					require.ErrorIs(t, err, tt.err)
					<-time.After(time.Second)
					stop()
					synctest.Wait()
					s := w.requireBooks(t, 0)
					assert.Equal(t, tt.err != nil, s.Dropped[tt.reason] > 0)
					assert.Equal(t, w.payloads.made, w.payloads.free.Len(), "every payload is back")
					assert.LessOrEqual(t, w.payloads.made, maxPayloads)
					if errors.Is(tt.err, context.Canceled) {
						assert.Equal(t, int(s.Dropped[wire.Deadline]), w.Cancelled())
					} else {
						assert.Zero(t, w.Cancelled())
					}
				})
			})
		}
	}
}

// TestLargePayloadsAreBounded: what points carry while they wait is charged to the budget,
// or bounded without one, and one of them always finds room.
func TestLargePayloadsAreBounded(t *testing.T) {
	const points, bounds = 400, 4000 // 64 KB each
	for _, budget := range []int64{1, 1 << 20, math.MaxInt64} {
		synctest.Test(t, func(t *testing.T) {
			w := open(1024, budget)
			exported := make(chan error, 1)
			go func() { exported <- w.Export(t.Context(), metricsOf(histogram(points, bounds))) }()
			most := int64(0)
			for len(exported) == 0 {
				synctest.Wait()
				most = max(most, w.payloads.extra.Load())
				w.take(func(*wire.Point) {})
			}
			require.NoError(t, <-exported)
			w.take(func(*wire.Point) {})
			assert.Greater(t, most, int64(16*bounds-payloadCost-1))
			assert.LessOrEqual(t, most, max(min(budget, maxExtra), 3*16*bounds))
			assert.Zero(t, w.payloads.extra.Load())
			assert.Equal(t, uint64(points), w.requireBooks(t, 0).Sent)
		})
	}
}

// TestReader: runs, what is left of them, the end of an Export, and what Discard drops.
func TestReader(t *testing.T) {
	w := open(64, math.MaxInt64)
	r := w.reader
	assert.False(t, r.Fill(), "nothing was ever handed over")
	assert.False(t, r.Ended())
	assert.False(t, w.InUse())
	require.NoError(t, w.Export(t.Context(), metricsOf(sum(20))))
	assert.Equal(t, [3]uint64{20, 20, 0}, [3]uint64{uint64(r.Len()), r.Pushed(), r.Taken()})
	require.True(t, r.Fill())
	assert.Equal(t, [2]int{16, 4}, [2]int{r.Pending(), r.Len()})
	for i := range 16 {
		p, at, ok := r.Take()
		require.True(t, ok)
		assert.Equal(t, uint64(i), p.Bits)
		assert.InDelta(t, time.Now().UnixNano(), at, float64(time.Minute))
		assert.Equal(t, uint64(i+1), r.Taken())
	}
	_, _, more := r.Take()
	assert.False(t, more, "the end of the run")
	assert.False(t, r.Ended(), "four points of the Export are left")
	require.True(t, r.Fill())
	w.books.Send(16)
	w.books.Send(w.takeRun())
	assert.True(t, r.Ended())
	assert.False(t, r.Ended(), "said once")

	require.NoError(t, w.Export(t.Context(), metricsOf(histogram(3, 2), sum(30))))
	require.True(t, r.Fill())
	p, _, ok := r.Take()
	require.True(t, ok)
	require.NotNil(t, p.Distribution, "it has a payload, which Discard gives back like the others")
	w.books.Send(1)
	w.Close()
	r.Discard()
	assert.Equal(t, uint64(32), w.requireBooks(t, 0).Dropped[wire.Shutdown])
	assert.Equal(t, w.payloads.made, w.payloads.free.Len())
	require.ErrorIs(t, w.Export(t.Context(), metricsOf(sum(1))), metric.ErrExporterShutdown)
	require.ErrorIs(t, w.Export(t.Context(), nil), metric.ErrExporterShutdown)
	w.requireBooks(t, 0)
}

// takeRun takes what is left of a run.
func (w *world) takeRun() (n int) {
	for {
		if _, _, ok := w.reader.Take(); !ok {
			return n
		}
		n++
	}
}

// TestUnsendable: a point without a wire form is dropped, said once, and stops no other.
func TestUnsendable(t *testing.T) {
	w := open(64, math.MaxInt64)
	wide := make([]attribute.KeyValue, wire.MaxAttributes+1)
	for i := range wide {
		wide[i] = attribute.Int(fmt.Sprint("k", i), i)
	}
	d := metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{
		{Value: 1}, {Value: 2, Attributes: attribute.NewSet(wide...)}, {Value: 3},
		{Value: 4, Exemplars: []metricdata.Exemplar[int64]{{Time: time.Unix(1<<40, 0)}}},
	}}
	require.NoError(t, w.Export(t.Context(), metricsOf(metricdata.Metrics{Name: "n", Data: d})))
	var got []uint64
	w.take(func(p *wire.Point) { got = append(got, p.Bits) })
	assert.Equal(t, []uint64{1, 3}, got)
	assert.Equal(t, uint64(2), w.requireBooks(t, 0).Dropped[wire.Encode])
	assert.Len(t, w.said, 1)
	assert.Equal(t, w.payloads.made, w.payloads.free.Len())
}

// TestWithoutInterning: attribute sets are forgotten with every packet, and the point at hand
// has the strings that those behind it have.
func TestWithoutInterning(t *testing.T) {
	for _, none := range []bool{false, true} {
		w := open(64, math.MaxInt64)
		w.config.NoInterning = none
		require.NoError(t, w.Export(t.Context(), metricsOf(sum(3))))
		require.True(t, w.reader.Fill())
		first, _, _ := w.reader.Take()
		set := first.Attributes
		w.reader.NewPacket()
		assert.Equal(t, none, set != first.Attributes)
		kept := w.reader.sets
		assert.NotNil(t, kept)
		w.books.Send(1 + w.takeRun())
		w.reader.NewPacket() // with an event
		w.requireBooks(t, 0)
	}
}

// TestSink: a collection holds the queue from its first point to Done, and waits as an Export
// does.
func TestSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(2, math.MaxInt64)
		s := w.Sink()
		s.Done()
		m := &wire.Metric{}
		counts := []uint64{1, 2}
		for range 2 {
			require.True(t, s.Await(t.Context(), true))
			s.Push(&wire.Point{Metric: m, Distribution: &wire.Distribution{Count: 3, BucketCounts: counts}})
		}
		counts[0] = 9
		assert.True(t, w.UnderWay())
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.False(t, s.Await(short, true), "no room")
		over, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, w.Export(over, metricsOf(sum(1))), context.DeadlineExceeded, "the collection is under way")
		s.Done()
		assert.False(t, w.UnderWay())
		n := w.take(func(p *wire.Point) {
			assert.Equal(t, []uint64{1, 2}, p.Distribution.BucketCounts, "a copy")
		})
		assert.Equal(t, 2, n)
		assert.True(t, w.reader.Ended())
		assert.Equal(t, uint64(1), w.requireBooks(t, 0).Dropped[wire.Deadline])
		assert.Equal(t, w.payloads.made, w.payloads.free.Len())
		assert.Equal(t, uint64(2), w.Exports())
		require.True(t, s.Await(t.Context(), true))
		s.Release()
		assert.True(t, w.UnderWay(), "a pause")
		require.NoError(t, w.Export(t.Context(), metricsOf(sum(1))), "others may have the queue")
		s.Done()
		assert.False(t, w.UnderWay())
		assert.Equal(t, uint64(3), w.Exports(), "the collection had no points")
		assert.Equal(t, 1, w.take(func(*wire.Point) {}))
		assert.Equal(t, w.payloads.made, w.payloads.free.Len())
		w.Close()
		assert.False(t, s.Await(t.Context(), false))
	})
}

// TestSlotSize: what the budget and the documents count for a point in the queue is what it
// takes.
func TestSlotSize(t *testing.T) {
	const slots = 1 << 16
	f := newFIFO(slots)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range slots {
		f.tryPush(&point{})
	}
	runtime.ReadMemStats(&after)
	assert.InDelta(t, SlotSize, float64(after.TotalAlloc-before.TotalAlloc)/slots, 3)
}

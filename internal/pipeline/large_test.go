package pipeline

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// bodies puts together what a session sent: the points of packets and of bodies
// that are whole, and how many fragments belong to one that is not.
func bodies(t *testing.T, packets []takenPacket) (points, stray int) {
	t.Helper()
	var d wire.Decoder
	open := map[uint64]*wire.Assembly{}
	parts := map[uint64]int{}
	for _, p := range packets {
		h := header(t, p)
		if h.Format != wire.FragmentFormat {
			require.NoError(t, d.Reset(p.bytes))
			points += int(h.Points)
			continue
		}
		f, ok := wire.ReadFragment(p.bytes, &h)
		require.True(t, ok)
		first := h.Sequence - uint64(f.Index)
		if open[first] == nil {
			open[first] = &wire.Assembly{}
		}
		require.True(t, open[first].Add(f))
		parts[first]++
		if open[first].Whole() {
			require.NoError(t, d.ResetBody(&h, open[first].AppendBody(nil)))
			points += int(h.Points)
			delete(open, first)
		}
	}
	for first := range open {
		stray += parts[first]
	}
	return points, stray
}

// boundedBy makes histograms of so many bounds, one metric each.
func boundedBy(histograms, bounds int) *metricdata.ResourceMetrics {
	rm := sums(0)
	at := time.Unix(1_790_000_000, 0)
	rm.ScopeMetrics[0].Metrics = nil
	for i := range histograms {
		p := metricdata.HistogramDataPoint[float64]{StartTime: at, Time: at, Count: 7, BucketCounts: make([]uint64, bounds+1)}
		for n := range bounds {
			p.Bounds = append(p.Bounds, float64(n)/7)
			p.BucketCounts[n] = uint64(n % 50)
		}
		rm.ScopeMetrics[0].Metrics = append(rm.ScopeMetrics[0].Metrics, metricdata.Metrics{
			Name: fmt.Sprint("histogram ", i),
			Data: metricdata.Histogram[float64]{DataPoints: []metricdata.HistogramDataPoint[float64]{p}, Temporality: metricdata.CumulativeTemporality},
		})
	}
	return rm
}

// heavy has a resource of so many bytes.
func heavy(bytes, points int) *metricdata.ResourceMetrics {
	rm := sums(points)
	rm.Resource = resource.NewSchemaless(attribute.String("k", strings.Repeat("v", bytes)))
	return rm
}

// TestLargeBodies: whatever the kernel refuses, and wherever in a body, its points
// are sent once or counted once, and no fragment is sent twice in a body.
func TestLargeBodies(t *testing.T) {
	data := map[string]*metricdata.ResourceMetrics{
		"histograms of 200 bounds": boundedBy(20, 200), "of 1,000": boundedBy(8, 1000), "of 4,000": boundedBy(3, 4000),
		"a resource of 1,400 bytes": heavy(1400, 1000), "of 60,000": heavy(60_000, 50),
	}
	scripts := map[string][]udp.Outcome{
		"taken": nil, "an old report": {udp.Sent, udp.Sent, udp.Refused}, "unreachable twice": {udp.Sent, udp.Unreachable, udp.Unreachable},
		"too large for no reason": {udp.Sent, udp.TooLarge, udp.TooLarge}, "no buffers": append(repeat(udp.Sent, 5), udp.NoBuffers),
		"a full send buffer": append([]udp.Outcome{udp.Sent}, repeat(udp.WouldBlock, 20)...),
		"for long":           append([]udp.Outcome{udp.Sent}, repeat(udp.WouldBlock, 200)...),
		"the circuit opens":  append([]udp.Outcome{udp.Sent}, repeat(udp.Closed, 10)...),
	}
	for what, rm := range data {
		for name, script := range scripts {
			for _, size := range []int{512, 1472, 7800} {
				t.Run(fmt.Sprintf("%s, %s, %d", what, name, size), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s := &fakeSender{script: append([]udp.Outcome(nil), script...)}
						c := testConfig(s)
						c.Session.PacketSize = size
						p := start(t, c)
						require.NoError(t, p.Export(t.Context(), rm))
						require.NoError(t, p.Flush(t.Context()))
						requireClosedBooks(t, p)
						packets, _ := s.packets(t)
						st := p.Stats()
						assertSession(t, packets, st.Sent)
						points, stray := bodies(t, packets)
						assert.Equal(t, st.Sent, uint64(points), "what was sent can be read")
						if name == "taken" || name == "an old report" || name == "a full send buffer" {
							assert.Equal(t, st.Offered, st.Sent)
							assert.Zero(t, stray)
						}
						assert.Equal(t, uint64(len(packets)), st.Packets)
						for _, p := range packets {
							require.LessOrEqual(t, len(p.bytes), size)
						}
						_ = p.Close(t.Context())
						requireClosedBooks(t, p)
					})
				})
			}
		}
	}
}

// TestBodyInTwoSessions: a body that was under way when the socket changed is sent
// from its begin again.
func TestBodyInTwoSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &fakeSender{}, &fakeSender{}
		c := testConfig(a)
		c.Session.PacketsPerSecond, c.Session.Burst = 1, 1
		p := start(t, c)
		require.NoError(t, p.Export(t.Context(), boundedBy(1, 4000)))
		<-time.After(1500 * time.Millisecond)
		p.renew(t, b)
		require.NoError(t, p.Flush(t.Context()))
		requireClosedBooks(t, p)
		assert.Equal(t, uint64(1), p.Stats().Sent)
		first, _ := a.packets(t)
		_, stray := bodies(t, first)
		assert.Equal(t, 5, stray, "a burst of one, and two a second")
		second, _ := b.packets(t)
		points, stray := bodies(t, second)
		assert.Equal(t, []int{1, 0}, []int{points, stray})
		assertSession(t, second, 1)
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestPathNarrowsWithinABody, and widens again: it is sent from its begin, in
// fragments of the size that the path takes.
func TestPathNarrowsWithinABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := testConfig(s)
		c.Session.PacketsPerSecond, c.Session.Burst = 10, 1
		p := start(t, c)
		require.NoError(t, p.Export(t.Context(), boundedBy(1, 4000)))
		<-time.After(250 * time.Millisecond)
		s.set(func(s *fakeSender) { s.limit = 1000 })
		require.NoError(t, p.Flush(t.Context()))
		assert.Equal(t, uint64(1), p.Stats().Sent)
		assert.Equal(t, 1, s.tooLarge(), "one told of it")
		packets, _ := s.packets(t)
		points, stray := bodies(t, packets)
		assert.Equal(t, 1, points)
		assert.Positive(t, stray)
		assertSession(t, packets, 1)
		require.NoError(t, p.Close(t.Context()))
		requireClosedBooks(t, p)
	})
}

// TestReportsWaitForTheBody: nothing stands between the fragments of a body, whose
// sequence numbers follow each other.
func TestReportsWaitForTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := testConfig(s)
		c.Session.PacketsPerSecond, c.Session.Burst = 2, 1
		p := start(t, c)
		require.NoError(t, p.Export(t.Context(), boundedBy(3, 4000)))
		require.NoError(t, p.Flush(t.Context()))
		_, reports := s.packets(t)
		assert.NotEmpty(t, reports, "between two bodies")
		packets, _ := s.packets(t)
		points, stray := bodies(t, packets)
		assert.Equal(t, []int{3, 0}, []int{points, stray})
		require.NoError(t, p.Close(t.Context()))
		requireClosedBooks(t, p)
	})
}

// TestNoticesOfSize: what is dropped or sent with less is said, once for each
// metric, with its name and size; and later, if nobody could say it at first.
func TestNoticesOfSize(t *testing.T) {
	at := time.Unix(1_790_000_000, 0)
	gauge := func(name, description string, p metricdata.DataPoint[int64]) metricdata.Metrics {
		p.Time = at
		return metricdata.Metrics{Name: name, Description: description, Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{p}}}
	}
	long := strings.Repeat("x", wire.MaxBody)
	many := make([]attribute.KeyValue, wire.MaxAttributes+1)
	for i := range many {
		many[i] = attribute.Int(fmt.Sprint(i), i)
	}
	same := make([]attribute.KeyValue, wire.MaxAttributes)
	for i := range same {
		same[i] = attribute.String(fmt.Sprint(i), long[:1000])
	}
	rm := sums(0)
	rm.ScopeMetrics[0].Metrics = []metricdata.Metrics{
		gauge("seed", "", metricdata.DataPoint[int64]{Attributes: attribute.NewSet(same[0])}),
		gauge("same", "", metricdata.DataPoint[int64]{Attributes: attribute.NewSet(same...)}),
		gauge("large", "", metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attribute.String("k", long))}),
		gauge("many", "", metricdata.DataPoint[int64]{Attributes: attribute.NewSet(many...)}),
		gauge("described", long, metricdata.DataPoint[int64]{}),
		gauge("exemplars", "", metricdata.DataPoint[int64]{Exemplars: []metricdata.Exemplar[int64]{{Time: at, FilteredAttributes: []attribute.KeyValue{attribute.String("k", long)}}}}),
		{Name: "buckets", Data: metricdata.Histogram[int64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.HistogramDataPoint[int64]{{Time: at, BucketCounts: make([]uint64, 70_000)}}}},
		{Name: "exponential", Data: metricdata.ExponentialHistogram[int64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.ExponentialHistogramDataPoint[int64]{
			{Time: at, Scale: 5, PositiveBucket: metricdata.ExponentialBucket{Counts: slicesOf(80_000, 30)}},
		}}},
	}
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var said []string
		c := testConfig(&fakeSender{})
		deaf := true
		c.Report = func(err error) bool {
			mu.Lock()
			defer mu.Unlock()
			if !deaf {
				said = append(said, err.Error())
			}
			return !deaf
		}
		p := start(t, c)
		for range 3 {
			<-time.After(time.Second)
			require.NoError(t, p.Export(t.Context(), rm))
			require.NoError(t, p.Flush(t.Context()))
			mu.Lock()
			deaf = false
			mu.Unlock()
		}
		st := p.Stats()
		assert.Equal(t, uint64(24), st.Offered)
		assert.Equal(t, uint64(12), st.Sent)
		assert.Equal(t, uint64(9), st.Dropped[wire.Oversize])
		assert.Equal(t, uint64(3), st.Dropped[wire.Encode])
		assert.Equal(t, []uint64{3, 3, 3}, []uint64{st.ExemplarsCut, st.DescriptionsCut, st.Downscaled})
		assert.ElementsMatch(t, []string{
			`otelgram: metric "buckets" of scope "scope": a point of 70000 bytes is larger than the 65536 that can be sent: it is dropped (oversize)`,
			`otelgram: metric "large" of scope "scope": a point of 65601 bytes is larger than the 65536 that can be sent: it is dropped (oversize)`,
			`otelgram: metric "same" of scope "scope": a point of 4022 bytes repeats long values so often that it unfolds to more than 128 times that: it is dropped (oversize)`,
			`otelgram: metric "many" of scope "scope": a point has 513 attributes, more than 512: it is dropped (encode)`,
			`otelgram: metric "described" of scope "scope": a point of 65600 bytes is larger than the 65536 that can be sent: it is sent without the description`,
			`otelgram: metric "exemplars" of scope "scope": a point of 65613 bytes is larger than the 65536 that can be sent: it is sent without its 1 exemplars`,
			`otelgram: metric "exponential" of scope "scope": a point of 80074 bytes is larger than the 65536 that can be sent: it is sent downscaled by 1`,
		}, said)
		require.NoError(t, p.Close(t.Context()))
		requireClosedBooks(t, p)
	})
}

// TestSmallPointsAfterALargeOne: those behind a point that is dropped for its size
// travel in packets, not in fragments.
func TestSmallPointsAfterALargeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		p := start(t, testConfig(s))
		rm := sums(2000)
		large := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.DataPoint[int64]{
			{Attributes: attribute.NewSet(attribute.String("k", strings.Repeat("v", wire.MaxBody))), Time: time.Unix(1, 0)},
		}}
		rm.ScopeMetrics[0].Metrics = append([]metricdata.Metrics{{Name: "large", Data: large}}, rm.ScopeMetrics[0].Metrics...)
		require.NoError(t, p.Export(t.Context(), rm))
		require.NoError(t, p.Flush(t.Context()))
		packets, _ := s.packets(t)
		for _, packet := range packets {
			require.Equal(t, wire.Compact, header(t, packet).Format)
		}
		assert.Equal(t, uint64(2000), p.Stats().Sent)
		assert.Equal(t, uint64(1), p.Stats().Dropped[wire.Oversize])
		require.NoError(t, p.Close(t.Context()))
		requireClosedBooks(t, p)
	})
}

// TestFragmentsAtASlowPace: fragments are so small that a receiver that waits for two
// seconds sees another in time.
func TestFragmentsAtASlowPace(t *testing.T) {
	for _, rate := range []int{1, 2, 5, 20, 1000} {
		for _, burst := range []int{1, 32} {
			for _, size := range []int{1472, 7800, 16_000} {
				synctest.Test(t, func(t *testing.T) {
					s := &fakeSender{}
					c := testConfig(s)
					c.Session.PacketSize, c.Session.PacketsPerSecond, c.Session.Burst = size, rate, burst
					p := start(t, c)
					require.NoError(t, p.Export(t.Context(), boundedBy(3, 5000)))
					require.NoError(t, p.Flush(t.Context()))
					packets, _ := s.packets(t)
					points, stray := bodies(t, packets)
					assert.Equal(t, []int{3, 0}, []int{points, stray})
					for i := range packets[1:] {
						assert.LessOrEqual(t, packets[i+1].at.Sub(packets[i].at), time.Second, "%d, %d, %d", rate, burst, size)
					}
					require.NoError(t, p.Close(t.Context()))
				})
			}
		}
	}
}

func slicesOf(n int, v uint64) []uint64 {
	s := make([]uint64, n)
	for i := range s {
		s[i] = v
	}
	return s
}

// TestCancelledExport: points that a cancelled Export had no room for are in the
// error of Close, since the SDK's reader cancels the export under way when it shuts
// down; but not those of one long ago.
func TestCancelledExport(t *testing.T) {
	for _, later := range []int{0, 1, 2} {
		synctest.Test(t, func(t *testing.T) {
			c := testConfig(&fakeSender{})
			p := start(t, c)
			ctx, cancel := context.WithCancel(t.Context())
			exported := make(chan error)
			go func() { exported <- p.Export(ctx, sums(20_000)) }()
			<-time.After(5 * time.Millisecond)
			cancel()
			require.ErrorIs(t, <-exported, context.Canceled)
			lost := p.Stats().Dropped[wire.Deadline]
			require.Positive(t, lost)
			for range later {
				require.NoError(t, p.Export(t.Context(), sums(1)))
			}
			err := p.Close(t.Context())
			if later < 2 {
				require.ErrorContains(t, err, fmt.Sprintf("%d points not handed over: their Export was cancelled (deadline)", lost))
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, 20_000-lost+uint64(later), p.Stats().Sent, "what was accepted is sent")
			requireClosedBooks(t, p)
		})
	}
}

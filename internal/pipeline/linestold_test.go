package pipeline

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

// histogramAndCounters makes a histogram of so many bounds and so many counters, each of
// which has grown to v.
func histogramAndCounters(begin time.Time, bounds, counters int, v int64) *metricdata.ResourceMetrics {
	rm := sums(0)
	h := metricdata.HistogramDataPoint[int64]{StartTime: begin, Time: begin, Count: uint64(v), Sum: v, BucketCounts: make([]uint64, bounds+1)}
	for i := range bounds {
		h.Bounds = append(h.Bounds, float64(i))
	}
	h.BucketCounts[1] = uint64(v)
	c := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	for i := range counters {
		c.DataPoints = append(c.DataPoints, metricdata.DataPoint[int64]{
			Attributes: attribute.NewSet(attribute.Int("n", i)), StartTime: begin, Time: begin, Value: v,
		})
	}
	rm.ScopeMetrics[0].Metrics = []metricdata.Metrics{
		{Name: "h", Data: metricdata.Histogram[int64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.HistogramDataPoint[int64]{h}}},
		{Name: "c", Data: c},
	}
	return rm
}

// TestPartlySentPackets: of a packet of several datagrams that is dropped under way, what has
// left is told and sent, and what has not is told by the next one: each counter is right in
// the end, and each point in one book.
func TestPartlySentPackets(t *testing.T) {
	for name, script := range map[string][]udp.Outcome{
		"after the first":  {udp.Sent, udp.NoBuffers},
		"after the second": {udp.Sent, udp.Sent, udp.NoBuffers},
		"again and again":  {udp.Sent, udp.NoBuffers, udp.Sent, udp.Sent, udp.NoBuffers, udp.Sent, udp.NoBuffers, udp.NoBuffers},
		"the first":        {udp.NoBuffers},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeSender{script: script}
				c := countingConfig(s)
				c.Session.PacketSize = 512
				p := start(t, c)
				begin := time.Now().Add(time.Second)
				for i := range int64(8) {
					require.NoError(t, p.Export(t.Context(), histogramAndCounters(begin, 40, 20, 10*(i+1))))
					require.NoError(t, p.Flush(t.Context()))
					<-time.After(time.Second)
				}
				told := map[string]int64{}
				for _, l := range s.lines(t, 512) {
					name, rest, _ := strings.Cut(l, ":")
					n, err := strconv.ParseInt(strings.TrimSuffix(rest, "|c"), 10, 64)
					require.NoError(t, err)
					told[name] += n
				}
				want := map[string]int64{"h.count": 80, "h.sum": 80, "h.bucket.le.inf": 80}
				for i := 1; i < 40; i++ {
					want[fmt.Sprint("h.bucket.le.", i)] = 80
				}
				for i := range 20 {
					want[fmt.Sprint("c.n.", i)] = 80
				}
				assert.Equal(t, want, told)
				assert.Positive(t, p.Stats().Offered-p.Stats().Sent, "something was dropped")
				require.NoError(t, p.Close(t.Context()))
				requireClosedBooks(t, p)
			})
		})
	}
}

// TestLargePlainPackets: whatever size is asked for, all events of a point leave.
func TestLargePlainPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := testConfig(s)
		c.Session.PacketSize = 60_000
		c.NewEncoder = func(bytes int, m *account.Budget) (Encoder, error) {
			return plain.NewEncoder(plain.Options{}, bytes, account.NewShares(m, 8)), nil
		}
		p := start(t, c)
		require.NoError(t, p.Export(t.Context(), boundedBy(3, 800)))
		require.NoError(t, p.Close(t.Context()))
		events := 0
		for _, packet := range s.taken {
			h, cause := plain.CheckHeader(packet.bytes)
			require.Equal(t, wire.Accepted, cause)
			assert.LessOrEqual(t, len(packet.bytes), plain.MostBytes)
			events += int(h.Points)
		}
		assert.Equal(t, 3*(2+800+1), events)
		requireClosedBooks(t, p)
	})
}

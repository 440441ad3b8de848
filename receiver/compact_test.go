package receiver

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/internal/randomdata"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

// asMetricdata returns what a receiver should make of a packet of events.
func asMetricdata(events []plain.Event) *metricdata.ResourceMetrics {
	type identity struct {
		kind plain.Type
		name string
	}
	var order []identity
	points := map[identity][]plain.Event{}
	for _, e := range events {
		id := identity{e.Type, e.Name}
		if points[id] == nil {
			order = append(order, id)
		}
		points[id] = append(points[id], e)
	}
	var metrics []metricdata.Metrics
	for _, id := range order {
		m := metricdata.Metrics{Name: id.name}
		if id.kind&plain.Integer != 0 {
			m.Data = aggregationOf(id.kind, points[id], func(bits uint64) int64 { return int64(bits) })
		} else {
			m.Data = aggregationOf(id.kind, points[id], math.Float64frombits)
		}
		metrics = append(metrics, m)
	}
	return &metricdata.ResourceMetrics{Resource: resource.Empty(), ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: metrics}}}
}

func aggregationOf[N int64 | float64](kind plain.Type, events []plain.Event, value func(uint64) N) metricdata.Aggregation {
	var points []metricdata.DataPoint[N]
	for _, e := range events {
		var kvs []attribute.KeyValue
		for _, t := range e.Tags {
			kvs = append(kvs, attribute.String(t.Key, t.Value)) // NewSet takes the last value of a key
		}
		p := metricdata.DataPoint[N]{Attributes: attribute.NewSet(kvs...), Value: value(e.Bits)}
		if e.Time != wire.NoTime {
			p.Time = time.Unix(0, e.Time)
		}
		points = append(points, p)
	}
	if kind&^plain.Integer == plain.Gauge {
		return metricdata.Gauge[N]{DataPoints: points}
	}
	temporality := metricdata.CumulativeTemporality
	if kind&plain.Delta != 0 {
		temporality = metricdata.DeltaTemporality
	}
	return metricdata.Sum[N]{DataPoints: points, Temporality: temporality, IsMonotonic: kind&plain.Monotonic != 0}
}

// TestPlainEqualsSent: what a handler gets is what was sent.
func TestPlainEqualsSent(t *testing.T) {
	got := make(chan *metricdata.ResourceMetrics, 1)
	r := listen(t, func(rm *metricdata.ResourceMetrics) { got <- rm })
	send := dial(t, r)
	random := rand.New(rand.NewPCG(3, 3))
	for i := range uint64(300) {
		events := randomdata.PlainEvents(random, 1+random.IntN(60))
		send(randomdata.PlainPacket(i, events...))
		rm := <-got
		if want := asMetricdata(events); !metricdatatest.AssertEqual(t, *want, *rm) {
			t.FailNow()
		}
		for j, m := range asMetricdata(events).ScopeMetrics[0].Metrics {
			require.Equal(t, m.Name, rm.ScopeMetrics[0].Metrics[j].Name, "in the order in which they came")
		}
	}
	require.NoError(t, r.Close())
	s := r.Stats()
	assert.Equal(t, Counts{Sent: 300, Received: 300, Delivered: 300}, s.Packets)
	assert.Equal(t, s.Points.Received, s.Points.Delivered)
}

// plainSeer keeps the headers that it is given.
type plainSeer struct{ headers chan wire.Header }

func (p plainSeer) HandlePacket(packet *Packet) { p.headers <- packet.Decoder.Header() }
func (p plainSeer) Flush()                      {}

// TestPlainPackets: ListenPackets gives the points of Plain packets, too.
func TestPlainPackets(t *testing.T) {
	headers := make(chan wire.Header, 1)
	r, err := ListenPackets("127.0.0.1:0", func() PacketHandler { return plainSeer{headers} })
	require.NoError(t, err)
	defer r.Close()
	dial(t, r)(plainPacket(t, 5, 3))
	h := <-headers
	assert.Equal(t, wire.Header{Format: plain.Format, Session: h.Session, Sequence: 5, Time: h.Time, Points: 3}, h)
	assert.Equal(t, h.Session, r.Stats().Sessions[0].ID)
}

// TestBothEncodings: senders of both encodings at once are counted exactly, and nothing is
// mixed up.
func TestBothEncodings(t *testing.T) {
	t.Parallel()
	const each, packets = 4, 200
	var mu sync.Mutex
	points := map[string]int{}
	r := listen(t, func(rm *metricdata.ResourceMetrics) {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range rm.ScopeMetrics[0].Metrics {
			points[m.Name] += len(m.Data.(metricdata.Gauge[int64]).DataPoints)
		}
	}, WithQueueSize(1<<14))
	var wg sync.WaitGroup
	for i := range each {
		compact, isPlain := dial(t, r), dial(t, r)
		wg.Go(func() {
			for n := range packets {
				compact(gauges(t, wire.Header{Session: uint64(i), Sequence: uint64(n), PointsBefore: uint32(2 * n)}, 2))
			}
		})
		wg.Go(func() {
			for n := range packets {
				if n%10 != 5 { // lost
					isPlain(randomdata.PlainPacket(uint64(n), plain.Event{Type: plain.Gauge | plain.Integer, Name: "plain"}))
				}
			}
		})
	}
	wg.Wait()
	const gone = each * packets / 10
	eventually(t, r, func(s Stats) bool {
		return s.Packets.Delivered == 2*each*packets-gone && s.Packets.Sent == s.Packets.Received+s.Packets.Lost
	})
	require.NoError(t, r.Close())
	s := r.Stats()
	assert.Equal(t, Counts{Sent: 2 * each * packets, Received: 2*each*packets - gone, Lost: gone, Delivered: 2*each*packets - gone}, s.Packets)
	const received = 3*each*packets - gone
	assert.Equal(t, Counts{Sent: received, Received: received, Delivered: received}, s.Points)
	assert.Equal(t, map[string]int{"gauge": 2 * each * packets, "plain": each*packets - gone}, points)
	assert.Len(t, s.Sessions, 2*each)
}

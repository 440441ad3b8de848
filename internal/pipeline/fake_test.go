package pipeline

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSender takes packets, or refuses them as its script says.
type fakeSender struct {
	mu     sync.Mutex
	taken  []takenPacket
	closed bool
	// script says what becomes of the next packets; when it is over, all are
	// taken.
	script []udp.Outcome
	// limit is the payload limit: larger packets are too large. 0: none. large is
	// how often one was.
	limit, large int
	// dead is a port that nobody listens on: each packet is taken, and its refusal
	// owed to the next call.
	dead, owed bool
}

type takenPacket struct {
	bytes []byte
	at    time.Time
}

func (f *fakeSender) tooLarge() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.large
}

func (f *fakeSender) Send(packets [][]byte) (int, udp.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, p := range packets {
		if f.limit > 0 && len(p) > f.limit {
			f.large++
			return i, udp.TooLarge
		}
		if f.owed {
			f.owed = false
			return i, udp.Refused
		}
		f.owed = f.dead
		if len(f.script) > 0 {
			o := f.script[0]
			f.script = f.script[1:]
			if o != udp.Sent {
				return i, o
			}
		}
		f.taken = append(f.taken, takenPacket{append([]byte(nil), p...), time.Now()})
	}
	return len(packets), udp.Sent
}

func (f *fakeSender) Pending() udp.Outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.owed {
		return udp.Sent
	}
	f.owed = false
	return udp.Refused
}

func (f *fakeSender) Offload() udp.Offload { return udp.OffloadUnavailable }

func (f *fakeSender) PayloadLimit() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.limit
}

func (f *fakeSender) set(change func(*fakeSender)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fakeSender) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}

// packets returns what was taken: the packets with points, and the reports.
func (f *fakeSender) packets(t *testing.T) (points, reports []takenPacket) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.taken {
		h, err := wire.ParseHeader(p.bytes)
		require.NoError(t, err)
		if h.Format != wire.SenderReport {
			points = append(points, p)
		} else {
			reports = append(reports, p)
		}
	}
	return points, reports
}

func header(t *testing.T, p takenPacket) wire.Header {
	t.Helper()
	h, err := wire.ParseHeader(p.bytes)
	require.NoError(t, err)
	return h
}

func testConfig(s session.Socket) Config {
	return Config{
		BufferSize: 1024, BatchSize: 50, MaxBatchAge: 100 * time.Millisecond, Memory: math.MaxInt64,
		Report: func(error) bool { return true },
		Session: session.Config{
			PacketSize: 1472, PacketsPerSecond: 10_000, Burst: 32,
			Breaker:   session.BreakerConfig{Failures: 10, Timeout: 30 * time.Second},
			OnCircuit: func(_, _ session.Circuit) {},
			Resolve:   func(context.Context) ([]udp.Address, error) { return at("there"), nil },
			Dial:      func(context.Context, udp.Address) (session.Socket, error) { return s, nil },
		},
	}
}

// at returns addresses that are told by their names.
func at(names ...string) (all []udp.Address) {
	for _, name := range names {
		all = append(all, udp.Address{Path: name})
	}
	return all
}

// renew begins another session, on a socket.
func (p *Pipeline) renew(t *testing.T, s session.Socket) {
	t.Helper()
	require.True(t, p.session.Offer(t.Context(), s, at("there")[0]))
}

func start(t *testing.T, c Config) *Pipeline {
	t.Helper()
	p, err := New(t.Context(), c)
	require.NoError(t, err)
	return p
}

// sums makes one metric with so many points, each with attributes of its own.
func sums(n int) *metricdata.ResourceMetrics {
	at := time.Unix(1_790_000_000, 0)
	points := make([]metricdata.DataPoint[int64], n)
	for i := range points {
		points[i] = metricdata.DataPoint[int64]{
			Attributes: attribute.NewSet(attribute.String("series", fmt.Sprint("number ", i))),
			StartTime:  at, Time: at, Value: int64(i),
		}
	}
	return &metricdata.ResourceMetrics{
		Resource: resource.NewSchemaless(attribute.String("service.name", "test")),
		ScopeMetrics: []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: "scope"}, Metrics: []metricdata.Metrics{
			{Name: "sum", Data: metricdata.Sum[int64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality}},
		}}},
	}
}

// exportAtTheEnd exports so many points as the last thing before Close.
func exportAtTheEnd(t *testing.T, p *Pipeline, points int) {
	t.Helper()
	p.BeginClose()
	require.NoError(t, p.Export(t.Context(), sums(points)))
}

func requireClosedBooks(t *testing.T, p *Pipeline) {
	t.Helper()
	s := p.Stats()
	dropped := uint64(0)
	for _, n := range s.Dropped {
		dropped += n
	}
	require.Equal(t, s.Offered, s.Sent+dropped, "%+v", s)
	require.Zero(t, s.Queued)
}

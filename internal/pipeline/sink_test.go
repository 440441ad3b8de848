package pipeline

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/aggregate"
	"github.com/otelgram/otelgram/internal/handoff"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// aggregated is a pipeline with series that are collected into it.
type aggregated struct {
	*Pipeline
	sink      *handoff.Sink
	registry  *aggregate.Registry
	collector *aggregate.Collector
}

func startAggregated(t *testing.T, c Config) *aggregated {
	t.Helper()
	return startAggregatedOf(t, c, resource.Empty())
}

func startAggregatedOf(t *testing.T, c Config, r *resource.Resource) *aggregated {
	t.Helper()
	a := &aggregated{Pipeline: start(t, c)}
	a.sink = a.Pipeline.Sink()
	a.registry = aggregate.NewRegistry(a.Books(), a.Memory(), 0)
	of := intern.NewIdentifier(r, account.NewBudget(1<<20), c.Report)
	a.collector = aggregate.NewCollector(a.registry, of, c.Report)
	return a
}

func (a *aggregated) collect(ctx context.Context) {
	a.collector.Collect(ctx, a.sink, time.Now(), false)
}

// counters makes a stream.
func (a *aggregated) stream(t *testing.T, c aggregate.Config) *aggregate.Stream[int64] {
	t.Helper()
	s, _ := aggregate.StreamOf[int64](a.registry, c, time.Now().UnixNano())
	require.NotNil(t, s)
	return s
}

func counterConfig(name string) aggregate.Config {
	return aggregate.Config{Name: name, Kind: aggregate.Sum, Monotonic: true}
}

// decoded returns the points of all packets as "name attributes: value".
func decoded(t *testing.T, s *fakeSender) []string {
	t.Helper()
	var out []string
	packets, _ := s.packets(t)
	for _, p := range packets {
		var d wire.Decoder
		require.NoError(t, d.Reset(p.bytes))
		for d.Next() {
			v := d.Point()
			line := string(v.Metric.Name)
			for _, kv := range v.Attributes.All() {
				line += fmt.Sprintf(" %s=%s", kv.Key, kv.Value.Text())
			}
			out = append(out, fmt.Sprint(line, ": ", v.Bits))
		}
	}
	return out
}

func kSet(k int) attribute.Set { return attribute.NewSet(attribute.String("k", fmt.Sprint(k))) }

// TestCollectionIsPaced collects more series than there are packets for at once.
func TestCollectionIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := testConfig(s)
		c.Session.PacketsPerSecond, c.Session.Burst = 1000, 4
		a := startAggregated(t, c)
		const streams, sets = 20, 150
		for n := range streams {
			of := a.stream(t, counterConfig(fmt.Sprint("n", n)))
			for k := range sets {
				require.True(t, of.Record(kSet(k), 1))
				require.True(t, of.Record(kSet(k), 2))
			}
		}
		a.collect(t.Context())
		a.collect(t.Context())
		require.NoError(t, a.Flush(t.Context()))
		assert.Len(t, decoded(t, s), 2*streams*sets)
		assert.Contains(t, decoded(t, s), "n7 k=99: 3")
		require.NoError(t, a.Close(t.Context()))
		requireClosedBooks(t, a.Pipeline)
	})
}

// TestCollectionDoesNotPause: a collection of more packets than there are buffers goes on
// as soon as they are sent, whatever the age of a packet.
func TestCollectionDoesNotPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testConfig(&fakeSender{})
		c.Session.PacketsPerSecond = 0
		a := startAggregated(t, c)
		const series = 2500 // more than the ring has room for
		of := a.stream(t, counterConfig("n"))
		for k := range series {
			require.True(t, of.Record(attribute.NewSet(attribute.String("k", fmt.Sprintf("%01000d", k))), 1))
		}
		begin := time.Now()
		a.collect(t.Context())
		require.NoError(t, a.Flush(t.Context()))
		assert.Zero(t, time.Since(begin))
		assert.Equal(t, uint64(series), a.Stats().Packets)
		require.NoError(t, a.Close(t.Context()))
		requireClosedBooks(t, a.Pipeline)
	})
}

// TestCollectionWaitsForRoom until its context ends, and Export has its turn afterwards.
func TestCollectionWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testConfig(&fakeSender{})
		c.BufferSize, c.Session.PacketsPerSecond, c.Session.Burst = 16, 1, 1
		a := startAggregated(t, c)
		of := a.stream(t, counterConfig("n"))
		const series = 3000
		for k := range series {
			require.True(t, of.Record(attribute.NewSet(attribute.String("k", fmt.Sprintf("%0100d", k))), 1))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begin := time.Now()
		a.collect(ctx)
		assert.Equal(t, 3*time.Second, time.Since(begin))
		st := a.Stats()
		assert.Equal(t, uint64(series), st.Offered, "each is sent, on its way or counted")
		assert.Equal(t, st.Offered, st.Sent+st.Queued+st.Dropped[wire.Deadline])
		assert.Positive(t, st.Dropped[wire.Deadline])
		exported := make(chan error, 1)
		go func() { exported <- a.Export(t.Context(), sums(10)) }()
		require.NoError(t, <-exported)
		_ = a.Close(t.Context())
		requireClosedBooks(t, a.Pipeline)
	})
}

// TestCollectionAfterClose hands nothing over.
func TestCollectionAfterClose(t *testing.T) {
	a := startAggregated(t, testConfig(&fakeSender{}))
	of := a.stream(t, counterConfig("n"))
	require.True(t, of.Record(attribute.Set{}, 1))
	require.NoError(t, a.Close(t.Context()))
	a.collect(t.Context())
	assert.Equal(t, uint64(1), a.Stats().Dropped[wire.Deadline])
	requireClosedBooks(t, a.Pipeline)
}

// TestCollectedDistributions arrive as they are, and their payloads are used again.
func TestCollectedDistributions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		a := startAggregated(t, testConfig(s))
		of := a.stream(t, aggregate.Config{Name: "h", Kind: aggregate.Explicit, Bounds: []float64{1, 2}})
		const series = 3000 // more than there are payloads
		for k := range series {
			require.True(t, of.Record(kSet(k), int64(k%4)))
		}
		for range 2 {
			a.collect(t.Context())
			require.NoError(t, a.Flush(t.Context()))
		}
		packets, _ := s.packets(t)
		points := 0
		for _, p := range packets {
			var d wire.Decoder
			require.NoError(t, d.Reset(p.bytes))
			for d.Next() {
				want := [][]uint64{{1, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}}[d.Point().Bits]
				assert.Equal(t, want, slices.Clone(d.Point().Distribution.BucketCounts))
				points++
			}
		}
		assert.Equal(t, 2*series, points)
		require.NoError(t, a.Close(t.Context()))
		requireClosedBooks(t, a.Pipeline)
	})
}

// TestWithoutInterningPacketsAreTheSame, byte by byte: what is forgotten is memory, and
// nothing of it is repeated in a packet.
func TestWithoutInterningPacketsAreTheSame(t *testing.T) {
	var bodies [2][]string
	for n := range bodies {
		synctest.Test(t, func(t *testing.T) {
			s := &fakeSender{}
			c := testConfig(s)
			c.NoInterning = n == 1
			p := start(t, c)
			for range 2 {
				require.NoError(t, p.Export(t.Context(), sums(500)))
				require.NoError(t, p.Flush(t.Context()))
			}
			packets, _ := s.packets(t)
			for _, p := range packets {
				bodies[n] = append(bodies[n], string(p.bytes[wire.HeaderSize:len(p.bytes)-wire.TrailerSize]))
			}
			require.NoError(t, p.Close(t.Context()))
		})
	}
	assert.Greater(t, len(bodies[0]), 3)
	assert.True(t, slices.Equal(bodies[0], bodies[1]))
}

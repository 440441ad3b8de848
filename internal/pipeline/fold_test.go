package pipeline

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/internal/latency"
	"github.com/otelgram/otelgram/wire"
)

func directConfig(s Sender) Config {
	c := testConfig(s)
	c.Strategy = drop.Newest()
	return c
}

func requireDirectBooks(t *testing.T, p *Pipeline) {
	t.Helper()
	s := p.Stats()
	dropped := uint64(0)
	for _, n := range s.Dropped {
		dropped += n
	}
	require.Equal(t, s.Offered, s.Sent+s.Folded+dropped, "%+v", s)
	require.Zero(t, s.Queued)
}

func instrument(d *Direct, c InstrumentConfig) *Instrument {
	i, _, _ := d.Instrument(c)
	return i
}

func counterConfig(name string) InstrumentConfig {
	return InstrumentConfig{Name: name, Fold: FoldSum, Integer: true, Monotonic: true}
}

// recordSeries records one measurement of each of so many series. They become points
// in a collection, such as that of Close.
func recordSeries(t *testing.T, p *Pipeline, n int) {
	t.Helper()
	d := p.Direct()
	i := instrument(d, counterConfig("n"))
	for k := range n {
		require.True(t, d.Record(&Event{Bound: i.Unbound(), Attributes: kSet(k), Bits: 1}))
	}
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
			for _, kv := range v.Attributes.All {
				line += fmt.Sprintf(" %s=%s", kv.Key, kv.Value.Text())
			}
			out = append(out, fmt.Sprint(line, ": ", v.Bits))
		}
	}
	return out
}

// TestPumpGathersEvents: events do not wake a pump that has seen some a moment
// ago; it comes back by itself, and callers never wait for it.
func TestPumpGathersEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		p := start(t, directConfig(s))
		d := p.Direct()
		i := instrument(d, counterConfig("n"))
		add := func() { require.True(t, d.Record(&Event{Bound: i.Unbound(), Bits: 1})) }
		add() // wakes the pump
		synctest.Wait()
		assert.Equal(t, uint64(1), p.Stats().Folded)
		add()
		add()
		synctest.Wait()
		assert.Equal(t, uint64(2), p.Stats().Queued, "these gather")
		<-time.After(p.config.MaxBatchAge)
		synctest.Wait()
		assert.Equal(t, uint64(3), p.Stats().Folded)
		wakes := p.config.BufferSize / 4
		for range wakes - 1 {
			add()
		}
		synctest.Wait()
		assert.Equal(t, uint64(wakes-1), p.Stats().Queued, "these gather as well")
		add()
		synctest.Wait()
		assert.Zero(t, p.Stats().Queued, "a quarter of the ring wakes it")
		add()
		synctest.Wait()
		assert.Equal(t, uint64(1), p.Stats().Queued)
		begin := time.Now()
		require.NoError(t, d.Collect(t.Context()))
		assert.Less(t, time.Since(begin), p.config.MaxBatchAge/10, "that does not wait")
		assert.Equal(t, []string{fmt.Sprint("n: ", 4+wakes)}, decoded(t, s))
		require.NoError(t, p.Close(t.Context()))
		requireDirectBooks(t, p)
	})
}

// TestNoSum leaves out the sum of a histogram, and only that.
func TestNoSum(t *testing.T) {
	for _, fold := range []Fold{FoldExplicit, FoldExponential} {
		for _, integer := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeSender{}
				p := start(t, directConfig(s))
				d := p.Direct()
				bits := func(v int64) uint64 {
					if integer {
						return uint64(v)
					}
					return math.Float64bits(float64(v))
				}
				for _, noSum := range []bool{false, true} {
					i := instrument(d, InstrumentConfig{
						Name: fmt.Sprint("without sum ", noSum), Fold: fold, Integer: integer, NoSum: noSum,
						Bounds: []float64{0}, MaxSize: 160, MaxScale: 20,
					})
					require.True(t, d.Record(&Event{Bound: i.Unbound(), Bits: bits(7)}))
					require.True(t, d.Record(&Event{Bound: i.Unbound(), Bits: bits(-2)}))
				}
				require.NoError(t, d.Collect(t.Context()))
				assert.Equal(t, []string{fmt.Sprint("without sum false: ", bits(5)), "without sum true: 0"}, decoded(t, s))
				require.NoError(t, p.Close(t.Context()))
				requireDirectBooks(t, p)
			})
		}
	}
}

// TestCollectionIsPaced emits more series than there are packets for at once,
// while events keep coming.
func TestCollectionIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := directConfig(s)
		c.PacketsPerSecond, c.Burst = 1000, 4
		p := start(t, c)
		d := p.Direct()
		const instruments, sets = 20, 150
		for n := range instruments {
			i := instrument(d, counterConfig(fmt.Sprint("n", n)))
			for k := range sets {
				b := d.Bind(i, attribute.NewSet(attribute.String("k", fmt.Sprint(k))))
				require.True(t, d.Record(&Event{Bound: &b, Bits: 1}))
				require.True(t, d.Record(&Event{Bound: &b, Bits: 2}))
			}
			require.NoError(t, p.Flush(t.Context())) // make room
		}
		collected := make(chan error, 2)
		for range 2 { // one behind the other
			go func() { collected <- d.Collect(context.Background()) }()
		}
		require.NoError(t, <-collected)
		require.NoError(t, <-collected)
		assert.Len(t, decoded(t, s), 2*instruments*sets)
		assert.Contains(t, decoded(t, s), "n7 k=99: 3")
		require.NoError(t, p.Close(t.Context()))
		assert.Len(t, decoded(t, s), 3*instruments*sets, "Close collects once more")
		requireDirectBooks(t, p)
	})
}

// TestEveryEventIsAPoint asserts the weights, too: an event that stands for
// several counts as often.
func TestEveryEventIsAPoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := directConfig(s)
		c.EveryEvent = true
		p := start(t, c)
		d := p.Direct()
		delta := counterConfig("delta")
		delta.Delta = true
		total := counterConfig("total")
		i, j := instrument(d, delta), instrument(d, total)
		for n := range uint64(3) {
			require.True(t, d.Record(&Event{Bound: i.Unbound(), Bits: n + 1, Weight: 4}))
			require.True(t, d.Record(&Event{Bound: j.Unbound(), Bits: n + 1}))
		}
		require.NoError(t, p.Flush(t.Context()))
		assert.Equal(t, []string{"delta: 4", "total: 1", "delta: 8", "total: 3", "delta: 12", "total: 6"}, decoded(t, s))
		st := p.Stats()
		assert.Equal(t, [3]uint64{6, 6, 0}, [3]uint64{st.Offered, st.Sent, st.Folded})
		require.NoError(t, p.Close(t.Context()))
		requireDirectBooks(t, p)
	})
}

// TestStoppedPump: with nobody to empty the lane a million calls return, and
// each is counted.
func TestStoppedPump(t *testing.T) {
	for _, strategy := range []drop.Strategy{drop.Newest(), drop.Oldest(), drop.ByPriority(), drop.Sampled()} {
		t.Run(fmt.Sprintf("%T", strategy), func(t *testing.T) {
			var c counters
			l := newDirectLane(1024, strategy, &c, &waker{wake: make(chan struct{}, 1)})
			b := &Bound{instrument: &Instrument{}}
			taken := uint64(0)
			const calls = 1_000_000
			for range calls {
				if l.record(&Event{Bound: b}) {
					taken++
				}
			}
			dropped := uint64(0)
			for n := range c.dropped {
				dropped += c.dropped[n].Load()
			}
			assert.Equal(t, uint64(calls), l.ring.Pushed()+c.offered.Load(), "each is offered once")
			assert.Equal(t, uint64(calls), uint64(l.ring.Len())+dropped)
			assert.Equal(t, taken, l.ring.Pushed())
		})
	}
}

func TestMemoryBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := directConfig(&fakeSender{})
		c.Memory = 10_000
		const weight = 32 + len("k") + 8 // of an attribute with a small number
		p := start(t, c)
		d := p.Direct()
		i := instrument(d, counterConfig("n"))
		for round := range 2 {
			for k := range 100 {
				require.True(t, d.Record(&Event{Bound: i.Unbound(), Attributes: attribute.NewSet(attribute.Int("k", k)), Bits: 1}))
			}
			require.NoError(t, p.Flush(t.Context()))
			st := p.Stats()
			known := uint64((7500 - 7500/stringShare - instrumentCost - len("n")) / (seriesCost + attributeCost + weight))
			assert.Equal(t, uint64(round+1)*known, st.Folded, "those that are known go on")
			assert.Equal(t, uint64(round+1)*(100-known), st.Dropped[wire.Memory])
		}
		require.NoError(t, p.Close(t.Context()))
		requireDirectBooks(t, p)
	})
}

// TestDirectAfterClose hands out an entrance that takes nothing.
func TestDirectAfterClose(t *testing.T) {
	p := start(t, directConfig(&fakeSender{}))
	require.NoError(t, p.Close(t.Context()))
	d := p.Direct()
	assert.Same(t, d, p.Direct())
	assert.False(t, d.Record(&Event{Bound: instrument(d, counterConfig("n")).Unbound(), Bits: 1}))
	assert.Equal(t, uint64(1), p.Stats().Dropped[wire.Shutdown])
	require.NoError(t, d.Collect(t.Context()))
	requireDirectBooks(t, p)
}

// TestCollectionDoesNotPause: a collection of more packets than there are
// buffers goes on as soon as they are sent, whatever the age of a packet.
func TestCollectionDoesNotPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := directConfig(&fakeSender{})
		c.PacketsPerSecond = 0
		p := start(t, c)
		d := p.Direct()
		const series = 500
		i := instrument(d, counterConfig("n"))
		for k := range series {
			b := d.Bind(i, attribute.NewSet(attribute.String("k", fmt.Sprintf("%01000d", k))))
			require.True(t, d.Record(&Event{Bound: &b, Bits: 1}))
		}
		require.NoError(t, p.Flush(t.Context()))
		begin := time.Now()
		require.NoError(t, d.Collect(t.Context()))
		assert.Zero(t, time.Since(begin))
		assert.Equal(t, uint64(series), p.Stats().Packets)
		require.NoError(t, p.Close(t.Context()))
		requireDirectBooks(t, p)
	})
}

// TestUntimed: an instrument whose latency is not to be measured does not have it
// measured, and does not hide that of others in its packet.
func TestUntimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := directConfig(&fakeSender{})
		c.EveryEvent = true
		p := start(t, c)
		d := p.Direct()
		timed := instrument(d, counterConfig("timed"))
		own := counterConfig("own")
		own.Untimed = true
		untimed := instrument(d, own)
		var seen latency.Counts
		latencies := func(of ...*Instrument) int {
			for _, i := range of {
				require.True(t, d.Record(&Event{Bound: i.Unbound(), Bits: 1}))
			}
			require.NoError(t, p.Flush(t.Context()))
			c := p.Latencies().EndToEnd.Since(&seen)
			return int(c.Total())
		}
		assert.Equal(t, 1, latencies(timed))
		assert.Zero(t, latencies(untimed, untimed))
		assert.Equal(t, 1, latencies(untimed, timed))
		require.NoError(t, p.Close(t.Context()))
		requireDirectBooks(t, p)
	})
}

package pipeline

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/wire"
)

func observedConfig(name string, delta bool) InstrumentConfig {
	return InstrumentConfig{Name: name, Fold: FoldAbsolute, Integer: true, Monotonic: true, OnlyObserved: true, Delta: delta}
}

func kSet(k int) attribute.Set { return attribute.NewSet(attribute.String("k", fmt.Sprint(k))) }

// observeAll runs a round of one callback that observes values[k] for k.
func observeAll(t *testing.T, d *Direct, i *Instrument, values map[int]uint64) bool {
	t.Helper()
	r := d.Round(t.Context())
	defer r.End()
	for k, v := range values {
		r.Observe(Event{Bound: i.Unbound(), Attributes: kSet(k), Bits: v})
	}
	return r.Flush()
}

// TestRoundsAddAndReplace: what one round observes of a series is added, what the
// next one does takes its place, whether there was a collection in between or not.
func TestRoundsAddAndReplace(t *testing.T) {
	for _, delta := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &fakeSender{}
			p := start(t, directConfig(s))
			d := p.Direct()
			i := instrument(d, observedConfig("o", delta))
			want := []string{}
			last := uint64(0)
			for _, parts := range [][]uint64{{5, 7}, {6, 8, 1}, {20}, {30, 1}} {
				for range 2 { // the first of these rounds comes to no collection
					r := d.Round(t.Context())
					for _, v := range parts {
						r.Observe(Event{Bound: i.Unbound(), Bits: v})
					}
					require.True(t, r.Flush())
					r.End()
				}
				sum := uint64(0)
				for _, v := range parts {
					sum += v
				}
				require.NoError(t, d.Collect(t.Context()))
				want = append(want, fmt.Sprint("o: ", sum-last))
				if delta {
					last = sum
				}
			}
			assert.Equal(t, want, decoded(t, s))
			require.NoError(t, p.Close(t.Context()))
			requireDirectBooks(t, p)
		})
	}
}

// TestObservedOverflow: the overflow series is the sum of what it stands for.
func TestObservedOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		p := start(t, directConfig(s))
		d := p.Direct()
		i := instrument(d, observedConfig("o", false))
		for range 3 {
			r := d.Round(t.Context())
			for k := range cardinalityLimit + 99 {
				r.Observe(Event{Bound: i.Unbound(), Attributes: kSet(k), Bits: 3})
			}
			r.End()
			before := len(decoded(t, s))
			require.NoError(t, d.Collect(t.Context()))
			got := decoded(t, s)[before:]
			assert.Len(t, got, cardinalityLimit)
			assert.Contains(t, got, "o otel.metric.overflow=: 300")
		}
		require.NoError(t, p.Close(t.Context()))
		requireDirectBooks(t, p)
	})
}

// TestMissingObservations: a series that was not observed is neither sent nor
// forgotten, and a sum of which a part may be missing is not sent.
func TestMissingObservations(t *testing.T) {
	for _, delta := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &fakeSender{}
			p := start(t, directConfig(s))
			d := p.Direct()
			i := instrument(d, observedConfig("o", delta))
			collect := func(missing ...*Instrument) []string {
				before := len(decoded(t, s))
				d.Missing(missing)
				require.NoError(t, d.Collect(t.Context()))
				return decoded(t, s)[before:]
			}
			either := func(ifDelta, ifCumulative string) string {
				if delta {
					return ifDelta
				}
				return ifCumulative
			}
			r := d.Round(t.Context())
			r.Observe(Event{Bound: i.Unbound(), Attributes: kSet(1), Bits: 1000})
			r.Observe(Event{Bound: i.Unbound(), Attributes: kSet(2), Bits: 1000})
			r.Observe(Event{Bound: i.Unbound(), Attributes: kSet(2), Bits: 1000})
			r.End()
			assert.ElementsMatch(t, []string{"o k=1: 1000", "o k=2: 2000"}, collect())
			for range 2 * idleCollections {
				assert.Empty(t, collect(i))
			}
			require.True(t, observeAll(t, d, i, map[int]uint64{1: 1001, 2: 1001}))
			assert.Equal(t, []string{either("o k=1: 1", "o k=1: 1001")}, collect(i), "a second part may be missing of 2")
			require.True(t, observeAll(t, d, i, map[int]uint64{1: 1003, 2: 2005}))
			assert.ElementsMatch(t, []string{either("o k=1: 2", "o k=1: 1003"), either("o k=2: 5", "o k=2: 2005")}, collect())
			assert.Empty(t, collect(), "now both are gone")
			require.True(t, observeAll(t, d, i, map[int]uint64{1: 1004}))
			assert.Equal(t, []string{"o k=1: 1004"}, collect(), "and begin anew, as in the SDK")
			require.NoError(t, p.Close(t.Context()))
			requireDirectBooks(t, p)
		})
	}
}

// TestMissingSeriesAreBounded, however long observations are missing.
func TestMissingSeriesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, directConfig(&fakeSender{}))
		d := p.Direct()
		i := instrument(d, observedConfig("o", true))
		d.Missing([]*Instrument{i})
		for round := range 20 {
			values := map[int]uint64{}
			for k := range 1500 {
				values[round*1500+k] = 1
			}
			require.True(t, observeAll(t, d, i, values))
			require.NoError(t, d.Collect(t.Context()))
		}
		require.NoError(t, p.Close(t.Context()))
		assert.LessOrEqual(t, len(i.list), 2*cardinalityLimit)
		requireDirectBooks(t, p)
	})
}

// TestObservationsArePoints where every event is one: they wait for packets, and
// nothing else does for them. When the round ends the rest is counted.
func TestObservationsArePoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := directConfig(s)
		c.EveryEvent, c.PacketsPerSecond, c.Burst = true, 10, 1
		p := start(t, c)
		d := p.Direct()
		i := instrument(d, observedConfig("o", false))
		const observed = 40_000
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r := d.Round(ctx)
		begin := time.Now()
		for k := range observed {
			r.Observe(Event{Bound: i.Unbound(), Attributes: kSet(k % 1000), Bits: 1})
		}
		assert.Equal(t, 5*time.Second, time.Since(begin))
		assert.False(t, r.Flush())
		r.End()
		require.NoError(t, p.Flush(t.Context()))
		st := p.Stats()
		assert.Equal(t, uint64(observed), st.Offered)
		assert.Positive(t, st.Dropped[wire.Deadline])
		assert.Equal(t, uint64(observed), st.Sent+st.Dropped[wire.Deadline])
		assert.Greater(t, st.Sent, uint64(1000))
		require.NoError(t, p.Close(t.Context()))
		requireDirectBooks(t, p)
	})
}

// TestObservationsTooLate are counted once each, for what they were too late for.
func TestObservationsTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, directConfig(&fakeSender{}))
		d := p.Direct()
		i := instrument(d, observedConfig("o", false))
		ctx, cancel := context.WithCancel(t.Context())
		ended, canceled, closed := d.Round(t.Context()), d.Round(ctx), d.Round(t.Context())
		observe := func(r *Round, n int) {
			for range n {
				r.Observe(Event{Bound: i.Unbound(), Bits: 1})
			}
		}
		observe(ended, 1)
		ended.End()
		observe(ended, 2)
		observe(canceled, 3)
		cancel()
		observe(canceled, 4)
		assert.False(t, canceled.Flush())
		assert.True(t, canceled.Flush(), "nothing since")
		observe(closed, 5)
		require.NoError(t, p.Close(t.Context()))
		observe(closed, 6)
		assert.False(t, closed.Flush())
		st := p.Stats()
		assert.Equal(t, [2]uint64{2 + 3 + 4, 5 + 6}, [2]uint64{st.Dropped[wire.Deadline], st.Dropped[wire.Shutdown]})
		assert.Equal(t, uint64(1), st.Folded)
		requireDirectBooks(t, p)
	})
}

// TestObservationsAndClose: whatever the pump has when it stops, the books close.
func TestObservationsAndClose(t *testing.T) {
	for _, every := range []bool{false, true} {
		for after := range 20 {
			synctest.Test(t, func(t *testing.T) {
				c := directConfig(&fakeSender{})
				c.EveryEvent, c.PacketsPerSecond, c.Burst = every, 100, 1
				p := start(t, c)
				d := p.Direct()
				i := instrument(d, observedConfig("o", false))
				var group sync.WaitGroup
				for g := range 3 {
					r := d.Round(t.Context())
					group.Go(func() {
						for k := range 5000 {
							r.Observe(Event{Bound: i.Unbound(), Attributes: kSet(g*5000 + k), Bits: 1})
						}
						r.End()
					})
				}
				<-time.After(time.Duration(after) * time.Millisecond)
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				_ = p.Close(ctx)
				group.Wait()
				assert.GreaterOrEqual(t, p.Stats().Offered, uint64(15_000))
				requireDirectBooks(t, p)
			})
		}
	}
}

// TestDeltaStarts: under delta the points of a collection begin where the one
// before ended, also those of a series that was idle then or is new, and none
// before its instrument.
func TestDeltaStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		p := start(t, directConfig(s))
		d := p.Direct()
		begin := time.Now()
		old := instrument(d, deltaConfig("old"))
		var late *Instrument
		starts := func(seconds ...int) map[int]time.Duration { // by k, measured at once
			for _, k := range seconds {
				i := old
				if k >= 100 {
					i = late
				}
				require.True(t, d.Record(&Event{Bound: i.Unbound(), Attributes: kSet(k), Bits: 1}))
			}
			<-time.After(time.Second)
			before, _ := s.packets(t)
			require.NoError(t, d.Collect(t.Context()))
			after, _ := s.packets(t)
			out := map[int]time.Duration{}
			for _, packet := range after[len(before):] {
				var decoder wire.Decoder
				require.NoError(t, decoder.Reset(packet.bytes))
				for decoder.Next() {
					v := decoder.Point()
					for _, kv := range v.Attributes.All {
						k := 0
						_, err := fmt.Sscan(string(kv.Value.Text()), &k)
						require.NoError(t, err)
						out[k] = time.Unix(0, v.StartTime).Sub(begin)
					}
					assert.Equal(t, time.Since(begin), time.Unix(0, v.Time).Sub(begin))
				}
			}
			return out
		}
		s0, s1, s2, s3 := time.Duration(0), time.Second, 2*time.Second, 3*time.Second
		assert.Equal(t, map[int]time.Duration{1: s0, 2: s0}, starts(1, 2))
		assert.Equal(t, map[int]time.Duration{1: s1}, starts(1))
		assert.Equal(t, map[int]time.Duration{2: s2, 3: s2}, starts(2, 3), "idle before, and new")
		<-time.After(time.Second / 2)
		late = instrument(d, deltaConfig("late"))
		assert.Equal(t, map[int]time.Duration{1: s3, 100: s3 + time.Second/2}, starts(1, 100))
		require.NoError(t, p.Close(t.Context()))
	})
}

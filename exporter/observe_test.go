package exporter_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/testsize"
)

var temporalities = map[string]sdkmetric.TemporalitySelector{
	"cumulative": sdkmetric.CumulativeTemporalitySelector, "delta": sdkmetric.DeltaTemporalitySelector,
}

// TestObservedUnderLoad: whatever measurements the strategy drops, each observation
// arrives, whole and once.
func TestObservedUnderLoad(t *testing.T) {
	const first, step = 1_000_000, 7
	rounds := testsize.Pick(10, 25)
	for _, strategy := range []drop.Strategy{drop.Newest(), drop.Oldest(), drop.Sampled(), drop.ByPriority()} {
		for temporality, selector := range temporalities {
			t.Run(fmt.Sprintf("%T/%s", strategy, temporality), func(t *testing.T) {
				c := connect(t, exporter.WithFlushInterval(never), exporter.WithBufferSize(64), exporter.WithPacing(0, 0),
					exporter.WithDropStrategy(strategy), exporter.WithTemporalitySelector(selector))
				m := c.exp.MeterProvider().Meter("m")
				value := int64(first - step)
				_, err := m.Int64ObservableCounter("o", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
					value += step
					o.Observe(value)
					return nil
				}))
				require.NoError(t, err)
				n, err := m.Int64Counter("n")
				require.NoError(t, err)
				var group sync.WaitGroup
				done := make(chan struct{})
				for range producers {
					group.Go(func() {
						for {
							select {
							case <-done:
								return
							default:
								n.Add(context.Background(), 1)
							}
						}
					})
				}
				var want, got []any
				for round := 0; round < rounds; round++ {
					got = append(got, values(c.flush(t), "o")...)
					if temporality == "delta" && round > 0 {
						want = append(want, int64(step))
					} else {
						want = append(want, int64(first+round*step))
					}
				}
				close(done)
				group.Wait()
				assert.Equal(t, want, got)
				require.NoError(t, c.exp.ForceFlush(t.Context())) // what they recorded last is not at rest yet
				s := requireBooks(t, c.exp)
				assert.Zero(t, s.Dropped.Deadline)
			})
		}
	}
}

// TestSlowCallback: what a callback observes too late is counted, and the next point goes
// on from the last one that was sent, as if nothing had been observed.
func TestSlowCallback(t *testing.T) {
	for temporality, selector := range temporalities {
		t.Run(temporality, func(t *testing.T) {
			c := connect(t, exporter.WithFlushInterval(never), exporter.WithTemporalitySelector(selector))
			m := c.exp.MeterProvider().Meter("m")
			value, slow, release := int64(1_000_000), false, make(chan struct{})
			_, err := m.Int64ObservableCounter("o", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
				value++
				if slow {
					<-release
				}
				o.Observe(value)
				return nil
			}))
			require.NoError(t, err)
			later := int64(0)
			_, err = m.Int64ObservableCounter("later", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
				later++
				o.Observe(later)
				return nil
			}))
			require.NoError(t, err)
			got := c.flush(t)
			assert.Equal(t, [][]any{{int64(1_000_001)}, {int64(1)}}, [][]any{values(got, "o"), values(got, "later")})
			slow = true
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			require.ErrorIs(t, c.exp.ForceFlush(ctx), context.DeadlineExceeded)
			assert.Empty(t, c.flush(t), "the callback still runs")
			close(release)
			for got = nil; len(got) == 0; {
				got = c.flush(t) // once it has returned
			}
			want := [][]any{{int64(1_000_003)}, {int64(2)}}
			if temporality == "delta" {
				want = [][]any{{int64(2)}, {int64(1)}}
			}
			assert.Equal(t, want, [][]any{values(got, "o"), values(got, "later")})
			assert.Equal(t, exporter.Dropped{Deadline: 1}, requireBooks(t, c.exp).Dropped)
		})
	}
}

// TestFailingCallbackKeepsItsSeries: what a callback that fails did not observe goes on
// from where it was, too.
func TestFailingCallbackKeepsItsSeries(t *testing.T) {
	c := connect(t, exporter.WithFlushInterval(never), exporter.WithTemporalitySelector(sdkmetric.DeltaTemporalitySelector))
	value, fails := int64(1_000_000), false
	_, err := c.exp.MeterProvider().Meter("m").Int64ObservableCounter("o", metric.WithInt64Callback(
		func(_ context.Context, o metric.Int64Observer) error {
			value++
			if fails {
				return context.Canceled
			}
			o.Observe(value)
			return nil
		}))
	require.NoError(t, err)
	assert.Equal(t, []any{int64(1_000_001)}, values(c.flush(t), "o"))
	fails = true
	for range 20 {
		require.Empty(t, c.flush(t))
	}
	fails = false
	assert.Equal(t, []any{int64(21)}, values(c.flush(t), "o"))
}

// TestObservedSetsThatMeet: if keys are left out, observations with the same remaining
// attributes are one sum, as in the SDK.
func TestObservedSetsThatMeet(t *testing.T) {
	for temporality, selector := range temporalities {
		reader := sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(selector))
		c := connect(t, exporter.WithFlushInterval(never), exporter.WithTemporalitySelector(selector))
		theirs := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		for _, mp := range []metric.MeterProvider{theirs, c.exp.MeterProvider()} {
			round := int64(0)
			_, err := mp.Meter("m").Int64ObservableUpDownCounter("o", allowed{keys: []attribute.Key{"a"}},
				metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
					round++
					for b := range int64(4) {
						o.Observe(b*round, metric.WithAttributes(attribute.Int64("a", b%2), attribute.Int64("b", b)))
						o.Observe(100, metric.WithAttributes(attribute.Int64("a", b%2), attribute.Int64("b", b)))
					}
					return nil
				}))
			require.NoError(t, err)
		}
		for range 3 {
			requireSame(t, collect(t, reader), joined(c.flush(t)), "%s", temporality)
		}
	}
}

package session

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestBreakerCounts drives a breaker by hand: what opens it, and what does not.
func TestBreakerCounts(t *testing.T) {
	second := time.Second
	tests := []struct {
		name string
		do   func(b *breaker, at func(time.Duration) time.Time)
		open bool
	}{
		{"nothing", func(*breaker, func(time.Duration) time.Time) {}, false},
		{"ten local errors in a row", func(b *breaker, _ func(time.Duration) time.Time) {
			for range 10 {
				b.failed()
			}
		}, true},
		{"nine, a packet, and nine", func(b *breaker, at func(time.Duration) time.Time) {
			for range 9 {
				b.failed()
			}
			b.took(at(0))
			for range 9 {
				b.failed()
			}
		}, false},
		{"a thousand refusals in two seconds", func(b *breaker, at func(time.Duration) time.Time) {
			for i := range 1000 {
				b.took(at(time.Duration(i) * 2 * time.Millisecond))
				b.refused(at(time.Duration(i) * 2 * time.Millisecond))
			}
		}, false},
		{"in three seconds in a row", func(b *breaker, at func(time.Duration) time.Time) {
			for i := range 3 {
				b.refused(at(time.Duration(i) * second))
			}
		}, true},
		{"in every second one of five", func(b *breaker, at func(time.Duration) time.Time) {
			for i := range 5 {
				b.took(at(time.Duration(i) * second))
				if i%2 == 0 {
					b.refused(at(time.Duration(i) * second))
				}
			}
		}, true},
		{"in every third", func(b *breaker, at func(time.Duration) time.Time) {
			for i := range 60 {
				b.took(at(time.Duration(i) * second))
				if i%3 == 0 {
					b.refused(at(time.Duration(i) * second))
				}
			}
		}, false},
		{"once a minute, with nothing between", func(b *breaker, at func(time.Duration) time.Time) {
			for i := range 3 {
				b.refused(at(time.Duration(i) * time.Minute))
			}
		}, true},
		{"once in three minutes", func(b *breaker, at func(time.Duration) time.Time) {
			for i := range 20 {
				b.refused(at(time.Duration(i) * 3 * time.Minute))
			}
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c counters
			var seen []string
			changed := func(from, to Circuit) { seen = append(seen, fmt.Sprintf("%v > %v", from, to)) }
			b := newBreaker(BreakerConfig{Failures: 10, Timeout: time.Minute}, &c, changed)
			origin := time.Now()
			tt.do(b, func(d time.Duration) time.Time { return origin.Add(d) })
			assert.Equal(t, tt.open, !b.closed())
			if tt.open {
				assert.Equal(t, []string{"closed > open"}, seen)
			}
			disabled := newBreaker(BreakerConfig{Disabled: true, Failures: 10, Timeout: time.Minute}, &counters{}, changed)
			tt.do(disabled, func(d time.Duration) time.Time { return origin.Add(d) })
			assert.True(t, disabled.closed(), "disabled")
		})
	}
}

package ringbuf_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/ringbuf"
)

// calls is over how many calls an operation must not allocate at all.
const calls = 10_000

func TestOperationsDoNotAllocate(t *testing.T) {
	r := newAt[event](t, 64, 0)
	full := newAt[event](t, 2, 0)
	var e event
	pushTwice := func(r *ringbuf.Ring[event]) bool {
		first := r.TryPush(&e)
		return r.TryPush(&e) && first
	}
	assert.True(t, pushTwice(full))
	dst := make([]event, 8)
	sink := 0
	for name, op := range map[string]func(){
		"push and pop": func() {
			if r.TryPush(&e) && r.TryPop(&e) {
				sink++
			}
		},
		"push and batch": func() {
			if pushTwice(r) {
				sink += r.TryPopBatch(dst)
			}
		},
		"refused push": func() {
			if full.TryPush(&e) {
				sink++
			}
		},
		"refused pops": func() {
			if r.TryPop(&e) {
				sink++
			}
			sink += r.TryPopBatch(dst)
		},
		"overlapping pops": func() {
			if pushTwice(r) {
				first, second := r.Take(1), r.Take(1)
				r.Release(second, 1)
				r.Release(first, 1)
			}
		},
		"counters": func() {
			sink += r.Len() + r.Cap() + int(r.Pushed()-r.Popped())
		},
		"close": func() {
			full.Close()
			if full.Closed() {
				sink++
			}
		},
	} {
		assert.Zero(t, allocs.In(calls, op), name)
	}
	assert.Positive(t, sink)
}

func BenchmarkPushPop(b *testing.B) {
	b.Run("ring", func(b *testing.B) {
		r := newAt[event](b, 1024, 0)
		var e event
		for b.Loop() {
			if !r.TryPush(&e) || !r.TryPop(&e) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("channel", func(b *testing.B) {
		ch := make(chan event, 1024)
		var e event
		for b.Loop() {
			select {
			case ch <- e:
			default:
				b.Fatal("refused")
			}
			select {
			case e = <-ch:
			default:
				b.Fatal("refused")
			}
		}
	})
}

// BenchmarkPushPopBatch counts one push and its 32nd part of a pop of 32.
func BenchmarkPushPopBatch(b *testing.B) {
	r := newAt[event](b, 1024, 0)
	var e event
	dst := make([]event, 32)
	for i := 0; b.Loop(); i++ {
		if !r.TryPush(&e) {
			b.Fatal("refused")
		}
		if i%32 == 31 && r.TryPopBatch(dst) != 32 {
			b.Fatal("short batch")
		}
	}
}

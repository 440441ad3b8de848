package account

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelgram/otelgram/wire"
)

// TestBooksAddUp: each point that is offered is in one of the other terms, at every step.
func TestBooksAddUp(t *testing.T) {
	var b Books
	queued := 0
	steps := []struct {
		name string
		do   func()
	}{
		{"offered", func() { b.Offer(10); queued = 10 }},
		{"dropped from the queue", func() { b.Drop(wire.Evicted, 1); queued-- }},
		{"refused", func() { b.Refuse(wire.Invalid) }},
		{"taken", func() { b.Take(9); queued -= 9 }},
		{"lost", func() { b.Lose(wire.Encode, 2) }},
		{"sent", func() { b.Send(7) }},
	}
	for _, s := range steps {
		s.do()
		settled := b.Settled()
		sum := settled.Sent + b.InPump() + uint64(queued)
		for _, n := range settled.Dropped {
			sum += n
		}
		assert.Equal(t, b.Offered(), sum, s.name)
	}
	settled := b.Settled()
	assert.Equal(t, [4]uint64{7, 1, 1, 2}, [4]uint64{settled.Sent, settled.Dropped[wire.Evicted], settled.Dropped[wire.Invalid], settled.Dropped[wire.Encode]})
	assert.Zero(t, b.InPump())
}

// TestBudget: what is taken is not there for others, until it is given back.
func TestBudget(t *testing.T) {
	b := NewBudget(100)
	assert.True(t, b.Take(60))
	assert.False(t, b.Take(41))
	assert.False(t, b.Reached(), "nothing was dropped for it")
	assert.True(t, b.Need(40))
	assert.False(t, b.Reached())
	assert.False(t, b.Need(1))
	assert.True(t, b.Reached())
	b.Give(40)
	assert.Equal(t, int64(40), b.Left())
	assert.Equal(t, int64(10), b.Split(4))
	assert.Equal(t, int64(30), b.Left())
	assert.True(t, b.Reached(), "for good")
}

// TestBudgetIsShared: if callers ask at once, as many get memory as there is room for.
func TestBudgetIsShared(t *testing.T) {
	b := NewBudget(1000)
	var mu sync.Mutex
	got := 0
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1000 {
				if b.Take(1) {
					mu.Lock()
					got++
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	assert.Equal(t, 1000, got)
	assert.Zero(t, b.Left())
}

func TestShares(t *testing.T) {
	b := NewBudget(800)
	s := NewShares(b, 8)
	assert.True(t, s.Take(100))
	assert.False(t, s.Take(1))
	assert.False(t, b.Reached(), "nothing is dropped for it")
	s.Return(100)
	assert.True(t, s.Take(60))
	assert.True(t, s.Need(700))
	assert.False(t, s.Need(1))
	assert.True(t, b.Reached())
	s.Give(700)
	assert.Equal(t, int64(700), b.Left())
}

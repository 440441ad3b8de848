package receiver

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

// queueOf is a queue with sessions from which to fill it.
type queueOf struct {
	*queue
	buffers
	sessions []*session
	sent     []uint64 // the next number of each session
}

func newQueueOf(size, sessions int, proven bool) *queueOf {
	q := &queueOf{queue: newQueue(size), sent: make([]uint64, sessions)}
	for id := range sessions {
		s := newSession(&wire.Header{Session: uint64(id)}, source, begin)
		s.proven = proven
		q.sessions = append(q.sessions, s)
	}
	return q
}

// put offers a body of that many bytes.
func (q *queueOf) put(session, bytes int) bool {
	b := body{session: q.sessions[session], header: wire.Header{Session: uint64(session), Sequence: q.sent[session]}, packets: 1}
	ok := q.offer(&b, make([]byte, bytes), &q.buffers)
	if ok {
		q.sent[session]++
	}
	return ok
}

// get takes the next job of a queue that is not empty.
func (q *queueOf) get(t *testing.T) *job {
	t.Helper()
	require.Positive(t, q.jobs)
	j := q.pop()
	require.NotNil(t, j)
	hand, held := q.returned()
	q.finish()
	require.True(t, held)
	require.Equal(t, j.body, hand)
	return j
}

// TestQueueTakesTurns: a session with many packets waits for sessions with few.
func TestQueueTakesTurns(t *testing.T) {
	q := newQueueOf(4096, 4, true)
	for range 1000 {
		require.True(t, q.put(0, 100))
	}
	for range 2 {
		for s := 1; s < 4; s++ {
			require.True(t, q.put(s, 100))
		}
	}
	var order []int
	for range 7 {
		order = append(order, int(q.get(t).session.id))
	}
	assert.Equal(t, []int{0, 1, 2, 3, 0, 1, 2}, order)
}

// TestQueueKeepsOrder: the order within each session is kept, and nothing is forgotten,
// whatever comes.
func TestQueueKeepsOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	q := newQueueOf(300, 20, false)
	next := make([]uint64, 20)
	taken, put := 0, 0
	for range 20_000 {
		if s := r.IntN(20); r.IntN(2) == 0 {
			if q.put(s, r.IntN(6000)) {
				put++
			}
			q.sessions[s].proven = q.sessions[s].proven || r.IntN(100) == 0
			continue
		}
		if q.jobs > 0 {
			j := q.get(t)
			require.Equal(t, next[j.session.id], j.header.Sequence)
			next[j.session.id]++
			taken++
			q.buffers.put(j)
		}
		require.LessOrEqual(t, q.used, q.size+2)
		require.LessOrEqual(t, q.ofFresh, q.size/2+2)
	}
	left, _, _ := q.giveUp()
	taken += len(left)
	assert.Equal(t, put, taken)
	assert.Zero(t, q.used+q.ofFresh+q.jobs)
	for _, s := range q.sessions {
		assert.Equal(t, line{}, s.line, "nothing is held")
	}
}

// TestQueueIsShared: one session cannot fill it, so that others have places.
func TestQueueIsShared(t *testing.T) {
	for _, tt := range []struct{ hogs, of int }{{1, 4096}, {10, 4096}, {100, 4096}, {1, 100}} {
		q := newQueueOf(tt.of, tt.hogs+1, true)
		for range 2 * tt.of {
			for s := range tt.hogs {
				q.put(s, 1472)
			}
		}
		assert.Greater(t, q.used, tt.of*8/10, "%+v", tt)
		assert.True(t, q.put(tt.hogs, 1472), "%+v", tt)
		least, most := q.sessions[0].line.places, 0
		for _, s := range q.sessions[:tt.hogs] {
			least, most = min(least, s.line.places), max(most, s.line.places)
		}
		assert.LessOrEqual(t, most-least, 1, "equal shares")
	}
}

// TestFreshSessionsLeaveHalf: sessions that have not proven themselves leave half of the
// places and of the turns to those that have, however many they are.
func TestFreshSessionsLeaveHalf(t *testing.T) {
	q := newQueueOf(1000, 5000, false)
	q.sessions[0].proven = true
	for s := 1; s < 5000; s++ {
		q.put(s, 1472)
	}
	assert.Equal(t, 500, q.jobs)
	for range 100 {
		require.True(t, q.put(0, 1472))
	}
	ofProven := 0
	for range 200 {
		if q.get(t).session.proven {
			ofProven++
		}
	}
	assert.Equal(t, 100, ofProven)
}

// TestQueueInBytes: a large body takes the places of many small ones, and a queue of one
// place takes it all the same.
func TestQueueInBytes(t *testing.T) {
	q := newQueueOf(64, 1, true)
	n := 0
	for q.put(0, wire.MaxBody) {
		n++
	}
	assert.Equal(t, 2, n)
	one := newQueueOf(1, 2, false)
	assert.True(t, one.put(0, wire.MaxBody))
	assert.False(t, one.put(1, 1))
	q.close()
	assert.False(t, q.put(0, 1), "closed")
	left, _, held := q.giveUp()
	assert.Len(t, left, 2)
	assert.False(t, held)
	assert.Nil(t, q.pop())
	assert.Nil(t, q.poll())
}

// TestBuffersAreBounded: a body takes little more memory than the places that it takes,
// whatever was used before it.
func TestBuffersAreBounded(t *testing.T) {
	var b buffers
	sizes := []int{0, 1, placeSize, placeSize + 1, 2 * placeSize, 2*placeSize + 1, 5000, 8 * placeSize, 8*placeSize + 1, wire.MaxBody}
	for range 3 {
		for _, size := range sizes {
			j := b.get(make([]byte, size))
			assert.Len(t, j.data, size)
			assert.LessOrEqual(t, cap(j.data), 3*placesOf(size)*placeSize/2, "%d bytes", size)
			b.put(j)
		}
	}
}

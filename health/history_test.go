package health

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHistory is of the last ten minutes, oldest first, and bounded.
func TestHistory(t *testing.T) {
	w := newWorld(Config{})
	assert.Empty(t, w.monitor.History().Rows)
	w.second(fine)
	assert.Empty(t, w.monitor.History().Rows, "one sample has no rate")
	w.second(fine)
	assert.Equal(t, []Row{{Time: start.Add(2 * time.Second), Status: Healthy, Offered: 1000, Sent: 1000}}, w.monitor.History().Rows)

	w.now.Time = w.now.Time.Add(time.Second)
	w.second(func(s *Sample) { drops(0, 500)(s); s.Utilization, s.Latency.P99 = 0.5, 3 })
	last := w.monitor.History().Rows[1]
	assert.Equal(t, Row{
		Time: start.Add(4 * time.Second), Status: Degraded, Offered: 500, Sent: 250, Dropped: 250, Utilization: 0.5, P99Latency: 3,
		Reasons: map[string]float64{"ring_full": 250},
	}, last, "of two seconds")

	w.seconds(historyRows, fine)
	rows := w.monitor.History().Rows
	require.Len(t, rows, historyRows)
	assert.Equal(t, start.Add(5*time.Second), rows[0].Time)
	w.seconds(7, drops(2, 10))
	rows = w.monitor.History().Rows
	require.Len(t, rows, historyRows)
	for i, r := range rows {
		assert.Equal(t, start.Add(time.Duration(12+i)*time.Second), r.Time)
		assert.Equal(t, i >= historyRows-7, r.Reasons["unresolved"] == 10)
	}
	assert.Equal(t, historyRows, cap(w.monitor.history.rows), "made once")
	assert.LessOrEqual(t, reflect.TypeFor[row]().Size(), uintptr(56), "as historyRows says")
}

// TestHistoryOfShorterSamples: a sample may have fewer reasons than one before it.
func TestHistoryOfShorterSamples(t *testing.T) {
	w := newWorld(Config{})
	w.second(fine)
	w.second(drops(2, 10))
	w.second(func(s *Sample) { s.Dropped = nil; fine(s) })
	rows := w.monitor.History().Rows
	require.Len(t, rows, 2)
	assert.Equal(t, map[string]float64{"unresolved": 10}, rows[0].Reasons)
	assert.Empty(t, rows[1].Reasons)
}

// TestHistoryOfQuickSamples: it has no more rows than there are seconds, or little more.
func TestHistoryOfQuickSamples(t *testing.T) {
	w := newWorld(Config{})
	w.second(nil)
	for range 100 {
		w.now.Time = w.now.Time.Add(100 * time.Millisecond)
		fine(&w.now)
		w.monitor.Observe(w.now)
	}
	rows := w.monitor.History().Rows
	require.Len(t, rows, 20)
	for _, r := range rows {
		assert.InDelta(t, 10_000, r.Sent, 1e-9)
	}
}

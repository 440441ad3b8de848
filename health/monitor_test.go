package health

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// world is an exporter that a test moves by hand, a second at a time.
type world struct {
	monitor *Monitor
	now     Sample
}

func newWorld(c Config) *world {
	return &world{monitor: NewMonitor(c), now: Sample{
		Time: start, Circuit: "closed", Points: Points{Capacity: 1000}, Endpoint: "there:4319", Address: "192.0.2.1:4319", BudgetReached: true,
		Dropped: []Dropped{{Reason: "ring_full"}, {Reason: "memory"}, {Reason: "unresolved", Leaving: true}},
	}}
}

// second lets change happen, and a second pass.
func (w *world) second(change func(*Sample)) Report {
	w.now.Time = w.now.Time.Add(time.Second)
	w.now.Dropped = slices.Clone(w.now.Dropped)
	if change != nil {
		change(&w.now)
	}
	w.monitor.Observe(w.now)
	return w.monitor.Report()
}

func (w *world) seconds(n int, change func(*Sample)) (r Report) {
	for range n {
		r = w.second(change)
	}
	return r
}

// What an exporter does in a second.
func fine(s *Sample) {
	s.Points.Offered += 1000
	s.Points.Sent += 1000
	s.Packets.Sent += 100
	s.Exports++
}

func drops(reason int, points uint64) func(*Sample) {
	return func(s *Sample) {
		s.Points.Offered += 1000
		s.Points.Sent += 1000 - points
		s.Points.Dropped += points
		s.Dropped[reason].Points += points
		s.Packets.Sent += 100
		s.Exports++
	}
}

func refuses(packets uint64) func(*Sample) {
	return func(s *Sample) {
		s.Packets.Sent += 100 - packets
		s.Packets.Refused += packets
		s.Exports++
	}
}

func queued(n uint64) func(*Sample) {
	return func(s *Sample) { fine(s); s.Points.Queued, s.Utilization = n, float64(n)/1000 }
}

func circuit(state string) func(*Sample) { return func(s *Sample) { s.Circuit = state } }

// TestTransitions: each threshold alone, exactly at it and above, and the way back.
func TestTransitions(t *testing.T) {
	tests := []struct {
		name   string
		bad    func(*Sample)
		want   Status
		issue  string
		repair func(*Sample)
	}{
		{"nothing", nil, Healthy, "", nil},
		{"all well", fine, Healthy, "", nil},
		{"ring at the threshold", queued(900), Healthy, "", nil},
		{"ring above it", queued(901), Degraded, "the event queue was 90.1 % full", queued(0)},
		{"drops at the threshold", drops(0, 10), Healthy, "", nil},
		{"drops above it", drops(0, 11), Degraded, "1.1 % of the points were dropped in the last 10s (more than 1 %), most as ring_full", fine},
		{"errors at the threshold", refuses(5), Healthy, "", nil},
		{"errors above it", refuses(6), Unhealthy, "6 % of the packets were refused", fine},
		{"circuit open", circuit("open"), Unhealthy, "the circuit breaker is open: nothing is sent to there:4319", circuit("closed")},
		{"circuit half-open", circuit("half-open"), Unhealthy, "the circuit breaker is half-open", circuit("closed")},
		{"memory", drops(1, 1), Unhealthy, "the memory budget is or was reached", fine},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(Config{})
			w.seconds(20, fine)
			r := w.seconds(15, tt.bad)
			assert.Equal(t, tt.want, r.Status)
			assert.Equal(t, tt.want != Unhealthy, r.Healthy)
			if tt.want == Healthy {
				assert.Empty(t, r.Issues)
				return
			}
			require.Len(t, r.Issues, 1, "%v", r.Issues)
			assert.Contains(t, r.Issues[0], tt.issue)

			// It gets better once the window has forgotten and the hold is over.
			recovered := 0
			for r.Status != Healthy {
				r = w.second(func(s *Sample) { fine(s); tt.repair(s) })
				recovered++
				require.Less(t, recovered, 30)
			}
			assert.GreaterOrEqual(t, recovered, 10)
			assert.LessOrEqual(t, recovered, 22)
			assert.Empty(t, r.Issues)
			assert.Equal(t, w.now.Time, r.Since)
			assert.Zero(t, r.InState)
		})
	}
}

// TestWorseAtOnce: the status follows the worst at once, and several problems are
// all named.
func TestWorseAtOnce(t *testing.T) {
	w := newWorld(Config{})
	w.seconds(20, fine)
	assert.Equal(t, Degraded, w.second(drops(0, 500)).Status)
	r := w.second(circuit("open"))
	assert.Equal(t, Unhealthy, r.Status)
	assert.Len(t, r.Issues, 2)
	since := r.Since

	// From unhealthy it goes to what the samples say, here degraded.
	w.second(circuit("closed"))
	r = w.seconds(8, drops(0, 500))
	assert.Equal(t, Unhealthy, r.Status)
	assert.Equal(t, since, r.Since)
	assert.Contains(t, r.Issues, "unhealthy until nothing worse than degraded has been found for 10s: 9s so far")
	r = w.seconds(3, drops(0, 500))
	assert.Equal(t, Degraded, r.Status)
}

// TestFlapping: a problem that comes back before the hold is over keeps the status.
func TestFlapping(t *testing.T) {
	w := newWorld(Config{Window: time.Second, Hold: 10 * time.Second})
	w.seconds(3, fine)
	changes, before := 0, Healthy
	for range 20 {
		for _, do := range []func(*Sample){circuit("open"), circuit("closed"), fine, fine, fine, fine} {
			if r := w.second(do); r.Status != before {
				before = r.Status
				changes++
			}
		}
	}
	assert.Equal(t, 1, changes)
	assert.Equal(t, Unhealthy, before)
}

// TestWindow: rates are those of the window, whatever was before it.
func TestWindow(t *testing.T) {
	w := newWorld(Config{})
	w.now.Points = Points{Offered: 1_000_000, Sent: 100_000, Dropped: 900_000, Capacity: 1000}
	w.now.Packets = Packets{Sent: 10, Refused: 1000}
	r := w.second(nil)
	assert.Zero(t, r.Metrics, "one sample has no rate")
	assert.Equal(t, Healthy, r.Status)
	r = w.second(drops(0, 100))
	assert.InDelta(t, 0.1, r.Metrics.DropRate, 1e-9)
	r = w.second(fine)
	assert.InDelta(t, 0.05, r.Metrics.DropRate, 1e-9)
	r = w.seconds(11, fine)
	assert.Zero(t, r.Metrics.DropRate, "more than ten seconds ago")
	lost := func(s *Sample) { s.Points.Offered += 5; s.Points.Dropped += 5; s.Dropped[0].Points += 5 }
	r = w.second(lost)
	assert.InDelta(t, 5.0/9005, r.Metrics.DropRate, 1e-9)
	r = w.seconds(10, nil)
	assert.InDelta(t, 5.0/2005, r.Metrics.DropRate, 1e-9, "silence is not good: the last two exports count")
	r = w.second(lost)
	assert.InDelta(t, 1, r.Metrics.DropRate, 1e-9, "all that was offered in the window")

	w.second(func(s *Sample) { s.Latency = Latency{P50: 3, P99: 40}; s.Utilization = 0.6 })
	r = w.second(func(s *Sample) { s.Latency = Latency{P50: 2, P99: 20}; s.Utilization = 0 })
	assert.InDelta(t, 40, r.Metrics.P99Latency, 1e-9, "the worst in the window")
	assert.InDelta(t, 0.6, r.Metrics.BufferUtilization, 1e-9)
	assert.Equal(t, Latency{P50: 2, P99: 40}, r.Latency)
	assert.LessOrEqual(t, len(w.monitor.samples), 12)
	for range 10 * maxSamples {
		w.now.Time = w.now.Time.Add(time.Millisecond)
		w.monitor.Observe(w.now)
	}
	assert.LessOrEqual(t, len(w.monitor.samples), maxSamples)
}

// TestFiveMinutes has the clock tick as it does for an exporter: bad from the first
// second on, an alert after five minutes, healthy again when all is well.
func TestFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var alerted time.Duration
		m := NewMonitor(Config{Alert: func(Report) { alerted = time.Since(began) }})
		s := Sample{Circuit: "open", Address: "192.0.2.1:4319"}
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for second := range 400 {
			if second == 350 {
				s.Circuit = "closed"
			}
			s.Time = <-tick.C
			m.Observe(s)
			assert.Equal(t, second >= 359, m.Report().Healthy, "after %d s", second)
		}
		assert.Equal(t, 5*time.Minute+time.Second, alerted)
		assert.InDelta(t, 40, m.Report().InState, 1)
	})
}

// TestThresholds are each set by itself.
func TestThresholds(t *testing.T) {
	w := newWorld(Config{Thresholds: Thresholds{DropRate: 0.5}})
	w.seconds(3, fine)
	assert.Equal(t, Healthy, w.seconds(20, drops(0, 500)).Status)
	assert.Equal(t, Degraded, w.seconds(20, drops(0, 501)).Status)
	assert.Equal(t, Unhealthy, w.second(refuses(100)).Status, "the others have their defaults")
}

// TestAlert is called once for each illness that lasts, and may panic.
func TestAlert(t *testing.T) {
	var alerts []Status
	w := newWorld(Config{AlertAfter: time.Minute, Alert: func(r Report) {
		alerts = append(alerts, r.Status)
		panic("the alert's own fault")
	}})
	w.seconds(20, fine)
	w.seconds(59, drops(0, 500))
	assert.Empty(t, alerts)
	w.seconds(30, circuit("open"))
	assert.Equal(t, []Status{Unhealthy}, alerts, "degraded and unhealthy count as one illness")
	w.seconds(600, nil)
	assert.Len(t, alerts, 1, "once")
	w.second(circuit("closed"))
	w.seconds(30, fine)
	require.Equal(t, Healthy, w.monitor.Report().Status)
	w.seconds(30, drops(0, 500))
	w.seconds(40, fine)
	assert.Len(t, alerts, 1, "it did not last")
	w.seconds(70, drops(0, 500))
	assert.Equal(t, []Status{Unhealthy, Degraded}, alerts)
}

// TestJSON begins with what was promised first, field by field in its order, with
// the types of the sample.
func TestJSON(t *testing.T) {
	const sample = `{
  "healthy": true,
  "status": "healthy",
  "metrics": {
    "buffer_utilization": 0.42,
    "drop_rate": 0.003,
    "error_rate": 0.001,
    "p99_latency_ms": 67
  },
  "issues": []
}`
	w := newWorld(Config{})
	w.second(nil)
	r := w.second(func(s *Sample) {
		s.Utilization, s.Points.Offered, s.Points.Dropped, s.Dropped[0].Points = 0.42, 1000, 3, 3
		s.Packets = Packets{Sent: 999, Refused: 1}
		s.Latency.P99 = 67
	})
	body, err := json.Marshal(r)
	require.NoError(t, err)
	want, err := json.Marshal(json.RawMessage(sample))
	require.NoError(t, err)
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, want))
	assert.Equal(t, compact.String()[:compact.Len()-1], string(body[:compact.Len()-1]))
	assert.Equal(t, byte(','), body[compact.Len()-1], "more fields follow")

	var back Report
	require.NoError(t, json.Unmarshal(body, &back))
	assert.Equal(t, r, back)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(body, &fields))
	assert.Equal(t, "unconfirmed", fields["delivery"])
	assert.Equal(t, map[string]any{"ring_full": 3.0}, fields["dropped"])
	assert.Nil(t, fields["last_send"])
	for _, name := range []string{"status_since", "status_seconds", "uptime_seconds", "points", "packets", "latency", "circuit", "endpoint", "address", "dial_error",
		"packet_size", "cardinality_overflow", "memory_budget_reached"} {
		assert.Contains(t, fields, name)
	}

	body, err = json.Marshal(NewMonitor(Config{}).Report())
	require.NoError(t, err)
	assert.Contains(t, string(body), `"issues":[]`, "never null, not before the first sample either")
}

func TestStatusNames(t *testing.T) {
	for s := Unhealthy; s <= Healthy; s++ {
		text, err := s.MarshalText()
		require.NoError(t, err)
		var back Status
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, s, back)
	}
	assert.Equal(t, "Status(9)", fmt.Sprint(Status(9)))
	require.ErrorContains(t, new(Status).UnmarshalText([]byte("ill")), `"ill"`)
}

// TestReportConcurrentSafe has many read what one writes.
func TestReportConcurrentSafe(t *testing.T) {
	w := newWorld(Config{})
	done := make(chan struct{})
	for range 4 {
		go func() {
			for {
				select {
				case done <- struct{}{}:
					return
				default:
					_ = w.monitor.Report()
				}
			}
		}()
	}
	w.seconds(500, drops(0, 500))
	for range 4 {
		<-done
	}
	assert.Equal(t, Degraded, w.monitor.Report().Status)
}

package health

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// refusing is a second in which 20,000 measurements of a series are refused for memory, and
// a few points of others leave, of which so many are lost on their way out.
func refusing(points, lost uint64) func(*Sample) {
	return func(s *Sample) {
		s.Points.Offered += 20_000 + points
		s.Points.Sent += points - lost
		s.Points.Dropped += 20_000 + lost
		s.Dropped[1].Points += 20_000
		s.Dropped[2].Points += lost
		s.Packets.Sent++
		s.Exports++
	}
}

// TestFewPointsLost: the few points that leave are not lost among the many measurements
// that are refused.
func TestFewPointsLost(t *testing.T) {
	w := newWorld(Config{})
	w.seconds(20, refusing(30, 0))
	r := w.seconds(11, refusing(30, 30))
	assert.Equal(t, Unhealthy, r.Status)
	assert.Contains(t, strings.Join(r.Issues, "\n"), "none of the 300 points on their way out in the last 10s were sent, most dropped as unresolved")
}

// TestNoAddress is no fault at the start, but later, also when nobody sends.
func TestNoAddress(t *testing.T) {
	w := newWorld(Config{})
	w.now.Address = ""
	for range 10 {
		assert.Equal(t, Healthy, w.second(nil).Status)
	}
	r := w.second(nil)
	assert.Equal(t, Unhealthy, r.Status)
	assert.Equal(t, []string{"nothing is sent: there:4319 cannot be dialled: it does not resolve yet"}, r.Issues)
	r = w.seconds(12, func(s *Sample) { s.Address = "192.0.2.1:4319" })
	assert.Equal(t, Healthy, r.Status)
}

// TestFewEvents: a rate over next to nothing counts only if it is seen again.
func TestFewEvents(t *testing.T) {
	refused := func(s *Sample) { s.Packets.Sent++; s.Packets.Refused++ }
	invalid := func(s *Sample) { s.Points.Offered++; s.Points.Dropped++; s.Dropped[0].Points++ }
	lost := func(s *Sample) { s.Points.Offered++; s.Points.Dropped++; s.Dropped[2].Points++; s.Exports++ }
	for name, tt := range map[string]struct {
		event func(*Sample)
		want  Status
	}{
		"one packet refused":        {refused, Unhealthy},
		"one measurement invalid":   {invalid, Degraded},
		"one point lost on its way": {lost, Unhealthy},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(Config{})
			w.seconds(20, nil)
			assert.Equal(t, Healthy, w.second(tt.event).Status)
			assert.Equal(t, Healthy, w.seconds(3, nil).Status)
			assert.Equal(t, tt.want, w.second(tt.event).Status)
		})
	}
	t.Run("many at once", func(t *testing.T) {
		w := newWorld(Config{})
		w.seconds(20, nil)
		assert.Equal(t, Degraded, w.second(func(s *Sample) { s.Points.Offered += 20; s.Points.Sent += 19; s.Exports++; invalid(s) }).Status)
	})
}

// TestMemoryWithoutBudget is another matter, and the advice another.
func TestMemoryWithoutBudget(t *testing.T) {
	w := newWorld(Config{})
	w.now.BudgetReached = false
	w.seconds(20, fine)
	r := w.seconds(2, drops(1, 1))
	assert.Equal(t, Degraded, r.Status)
	assert.False(t, r.MemoryBudgetReached)
	assert.Equal(t, []string{"points are dropped because there are too many meters, instruments or names: make them once, and put what varies into attributes"}, r.Issues)
}

// TestShutDown is the end, at once.
func TestShutDown(t *testing.T) {
	w := newWorld(Config{})
	w.seconds(20, fine)
	r := w.second(func(s *Sample) { s.Closed, s.Circuit = true, "open" })
	assert.Equal(t, Unhealthy, r.Status)
	assert.Equal(t, []string{"the exporter was shut down: nothing is recorded or sent any more"}, r.Issues)
	assert.Equal(t, w.now.Time, r.Time)
}

// TestOneGoodSecond at the end of a hold does not make healthy what was degraded
// in it, nor start the alert's clock anew.
func TestOneGoodSecond(t *testing.T) {
	var alerts int
	w := newWorld(Config{Window: time.Second, Hold: 10 * time.Second, AlertAfter: time.Minute, Alert: func(Report) { alerts++ }})
	w.seconds(3, fine)
	for range 20 {
		w.second(circuit("open"))
		w.second(circuit("closed"))
		w.seconds(9, drops(0, 500))
		assert.NotEqual(t, Healthy, w.second(fine).Status)
	}
	assert.Equal(t, 1, alerts)
	assert.Equal(t, Healthy, w.seconds(21, fine).Status)
}

// TestMedian is that of the last second in which something was sent.
func TestMedian(t *testing.T) {
	w := newWorld(Config{})
	w.seconds(3, nil)
	w.second(func(s *Sample) { s.Latency = Latency{P50: 3, P99: 40} })
	r := w.second(func(s *Sample) { s.Latency = Latency{} })
	assert.Equal(t, Latency{P50: 3, P99: 40}, r.Latency)
	assert.Zero(t, w.seconds(10, nil).Latency)
}

// TestValidate names the field, and NewMonitor makes do.
func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		c    Config
		says string
	}{
		{Config{}, ""},
		{Config{Thresholds: Thresholds{Utilization: 1, DropRate: 1, ErrorRate: 1}, Window: 100 * time.Second, Hold: time.Hour, AlertAfter: time.Hour}, ""},
		{Config{Thresholds: Thresholds{DropRate: 5}}, "Thresholds.DropRate 5: must be from 0 to 1"},
		{Config{Thresholds: Thresholds{ErrorRate: -1}}, "Thresholds.ErrorRate -1"},
		{Config{Thresholds: Thresholds{Utilization: math.NaN()}}, "Thresholds.Utilization NaN"},
		{Config{Window: 10 * time.Minute}, "Window 10m0s: must be from 0 to 1m40s"},
		{Config{Window: -1}, "Window -1ns"},
		{Config{Hold: -1}, "Hold -1ns: must not be negative"},
		{Config{AlertAfter: -1}, "AlertAfter -1ns: must not be negative"},
		{Config{Window: 10}, "Window 10ns: must be 0, or 1ms at least, such as 10*time.Second"},
		{Config{Hold: 999 * time.Microsecond}, "Hold 999µs: must be 0, or 1ms at least"},
		{Config{AlertAfter: 300}, "AlertAfter 300ns: must be 0, or 1ms at least"},
		{Config{Window: time.Millisecond, Hold: time.Millisecond, AlertAfter: time.Millisecond}, ""},
	} {
		err := tt.c.Validate()
		if tt.says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tt.says)
		c := NewMonitor(tt.c).config
		require.NoError(t, c.Validate())
		assert.Positive(t, c.Thresholds.DropRate)
		assert.Positive(t, c.Hold)
	}
}

// TestDialErrorInIssues: the cause is named wherever nothing is sent, and changes no
// status by itself.
func TestDialErrorInIssues(t *testing.T) {
	const cause = "dial unixgram /run/x: connect: permission denied"
	w := newWorld(Config{})
	w.now.DialError = cause
	r := w.seconds(20, nil)
	assert.Equal(t, Healthy, r.Status, "the socket before is in use")
	assert.Equal(t, cause, r.DialError)
	r = w.second(func(s *Sample) { s.Circuit = "open" })
	assert.Equal(t, []string{"the circuit breaker is open: nothing is sent to there:4319, which cannot be dialled: " + cause}, r.Issues)
	w = newWorld(Config{})
	w.now.Address, w.now.DialError = "", cause
	r = w.seconds(20, nil)
	assert.Equal(t, Unhealthy, r.Status)
	assert.Equal(t, []string{"nothing is sent: there:4319 cannot be dialled: " + cause}, r.Issues)
}

// refusedBy is a second in which packets are refused, some of them because the port is closed.
func refusedBy(packets, closedPort uint64) func(*Sample) {
	return func(s *Sample) { refuses(packets)(s); s.ConnectionsRefused += closedPort }
}

// TestOutageIsOneFault: what follows from a port that is closed is said in the sentence about
// the port, at each step of an outage.
func TestOutageIsOneFault(t *testing.T) {
	w := newWorld(Config{})
	w.now.Dropped = append(w.now.Dropped, Dropped{Reason: "breaker_open", Leaving: true, Remedy: "start the receiver"})
	w.seconds(20, fine)
	r := w.second(refusedBy(100, 100))
	assert.Equal(t, []string{"the port at 192.0.2.1:4319 is closed, or was in the last 10s: what was sent to it is lost; is a receiver listening there?"}, r.Issues)
	r = w.second(func(s *Sample) { s.Circuit = "open" })
	assert.Equal(t, []string{"the port at 192.0.2.1:4319 is closed: the circuit breaker is open, and nothing is sent until a receiver listens there"}, r.Issues)
	r = w.second(drops(3, 1000))
	assert.Equal(t, []string{"the port at 192.0.2.1:4319 is closed: the circuit breaker is open, and nothing is sent until a receiver listens there; " +
		"1000 points were dropped in the last 10s, most as breaker_open. What to do: start the receiver"}, r.Issues)
	r = w.second(func(s *Sample) { drops(3, 600)(s); drops(0, 400)(s) })
	require.Len(t, r.Issues, 2, "%v", r.Issues)
	assert.Contains(t, r.Issues[1], "most as ring_full", "which is another fault")
	assert.InDelta(t, 0.24, r.Metrics.DropRate, 0.2)

	w.second(refusedBy(100, 0)) // a firewall, or no route
	r = w.monitor.Report()
	assert.Contains(t, r.Issues[0], "the circuit breaker is open: nothing is sent to there:4319, since the kernel refuses packets: look at routes, firewall and interface; ")
}

// TestOverloadIsOneFault: the queue that is full is the reason for what is dropped.
func TestOverloadIsOneFault(t *testing.T) {
	w := newWorld(Config{})
	w.now.Dropped[0].Remedy = "a larger queue"
	w.seconds(20, fine)
	r := w.second(queued(950))
	assert.Equal(t, []string{"the event queue was 95 % full in the last 10s (more than 90 %). What to do: a larger queue"}, r.Issues)
	r = w.second(func(s *Sample) { drops(0, 500)(s); s.Utilization = 1 })
	require.Len(t, r.Issues, 1, "%v", r.Issues)
	assert.Contains(t, r.Issues[0], "most as ring_full. What to do: a larger queue")
	r = w.second(func(s *Sample) { drops(2, 999)(s); s.Utilization = 1 })
	require.Len(t, r.Issues, 2, "%v", r.Issues)
	assert.Contains(t, r.Issues[0], "most as unresolved")
	assert.Contains(t, r.Issues[1], "the event queue was 100 % full")
}

// TestRemedies stand wherever a reason is named.
func TestRemedies(t *testing.T) {
	w := newWorld(Config{})
	w.now.Dropped[1].Remedy, w.now.Dropped[2].Remedy = "more memory", "by its cause"
	w.seconds(20, fine)
	r := w.second(drops(1, 1))
	assert.Equal(t, []string{"points are dropped, and the memory budget is or was reached. What to do: more memory"}, r.Issues)
	assert.Equal(t, r.Issues, w.second(drops(1, 999)).Issues, "one fault, whatever part is dropped")
	w.seconds(30, fine)
	w.now.DialError = "no such host"
	r = w.seconds(11, drops(2, 1000))
	assert.Contains(t, r.Issues[0], "none of the 10000 points on their way out in the last 10s were sent to there:4319, which cannot be dialled: no such host, most dropped as unresolved. What to do: by its cause")
	w.now.Address = ""
	r = w.second(nil)
	assert.Contains(t, r.Issues[0], "nothing is sent: there:4319 cannot be dialled: no such host; 9000 points were dropped in the last 10s, most as unresolved. What to do: by its cause")

	w = newWorld(Config{})
	w.now.Dropped = nil
	r = w.seconds(2, func(s *Sample) { s.Points.Offered += 100; s.Points.Dropped += 50 })
	assert.Equal(t, []string{"50 % of the points were dropped in the last 1s (more than 1 %), most as unknown"}, r.Issues)
}

// TestRecovering is said while nothing is wrong any more, and not while something still is.
func TestRecovering(t *testing.T) {
	w := newWorld(Config{})
	w.seconds(20, fine)
	w.second(circuit("open"))
	r := w.seconds(3, circuit("closed"))
	assert.Equal(t, []string{"recovering: nothing has been wrong for 3s; healthy after 10s"}, r.Issues)
	r = w.second(drops(0, 500))
	require.Len(t, r.Issues, 2)
	assert.Equal(t, "unhealthy until nothing worse than degraded has been found for 10s: 4s so far", r.Issues[1])
}

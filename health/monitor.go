package health

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Thresholds are what a healthy exporter stays at or below.
type Thresholds struct {
	Utilization float64 // of the rings, 0 to 1; above it: degraded
	DropRate    float64 // 0 to 1; above it: degraded
	ErrorRate   float64 // 0 to 1; above it: unhealthy
}

// Config is how a [Monitor] judges. The zero value of each field stands for its
// default.
type Config struct {
	// Thresholds are 0.9, 0.01 and 0.05 by default, each by itself.
	Thresholds Thresholds
	// Window is over how long rates are taken, at most 100 samples; the default
	// is 10 s.
	Window time.Duration
	// Hold is how long everything has to be better before the status is; it gets
	// worse at once. The default is 10 s.
	Hold time.Duration
	// AlertAfter is how long the status must have been worse than healthy before
	// Alert is called; the default is five minutes.
	AlertAfter time.Duration
	// Alert is called, by the goroutine that calls Observe, once for each time
	// that the status stays worse than healthy. A panic in it is caught.
	Alert func(Report)
}

const maxSamples = 100

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	set(&c.Window, 10*time.Second)
	set(&c.Hold, 10*time.Second)
	set(&c.AlertAfter, 5*time.Minute)
	rate := func(v *float64, to float64) {
		if *v <= 0 {
			*v = to
		}
	}
	rate(&c.Thresholds.Utilization, 0.9)
	rate(&c.Thresholds.DropRate, 0.01)
	rate(&c.Thresholds.ErrorRate, 0.05)
	return c
}

// Monitor judges the samples that it is given: by a sliding window, so that one
// bad second does not go unnoticed and an old one is forgiven, and with
// hysteresis, so that the status does not flap. Time is the samples' time.
type Monitor struct {
	config Config

	mu      sync.Mutex
	first   time.Time
	samples []Sample // of the window and the last before it, oldest first
	status  Status
	since   time.Time // when the status last changed
	worse   time.Time // when a sample was last as bad as the status
	ill     time.Time // since when it has not been healthy; zero: it is
	alerted bool
}

// NewMonitor returns a Monitor that has seen nothing, and is healthy.
func NewMonitor(c Config) *Monitor {
	return &Monitor{config: c.withDefaults(), status: Healthy}
}

// Observe takes a sample, about one a second. One goroutine at a time may call
// it. It keeps s.Dropped, which must not be changed any more.
func (m *Monitor) Observe(s Sample) {
	m.mu.Lock()
	m.add(s)
	m.judge(s.Time)
	report, alert := m.report(), m.alertDue(s.Time)
	m.mu.Unlock()
	if alert {
		m.alert(report)
	}
}

func (m *Monitor) alert(r Report) {
	defer func() { _ = recover() }() // it must not end who watches
	m.config.Alert(r)
}

// Report returns the present state. It is safe for concurrent use.
func (m *Monitor) Report() Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.report()
}

// add keeps s, and what of the samples before it is in the window.
func (m *Monitor) add(s Sample) {
	if len(m.samples) == 0 {
		m.first, m.since = s.Time, s.Time
	}
	m.samples = append(m.samples, s)
	begin := s.Time.Add(-m.config.Window)
	for len(m.samples) > maxSamples || len(m.samples) > 2 && !m.samples[1].Time.After(begin) {
		m.samples = slices.Delete(m.samples, 0, 1)
	}
}

// judge moves the status: to worse at once, to better after the hold.
func (m *Monitor) judge(now time.Time) {
	found, _ := m.findings()
	if found <= m.status {
		m.worse = now
	}
	if found == m.status || found > m.status && now.Sub(m.worse) < m.config.Hold {
		return
	}
	m.status, m.since, m.worse = found, now, now
	switch {
	case found == Healthy:
		m.ill, m.alerted = time.Time{}, false
	case m.ill.IsZero():
		m.ill = now
	}
}

func (m *Monitor) alertDue(now time.Time) bool {
	if m.config.Alert == nil || m.alerted || m.ill.IsZero() || now.Sub(m.ill) < m.config.AlertAfter {
		return false
	}
	m.alerted = true
	return true
}

// findings judges the window by itself, and says what is wrong with it.
func (m *Monitor) findings() (Status, []string) {
	if len(m.samples) == 0 {
		return Healthy, nil
	}
	status, t, x := Healthy, m.config.Thresholds, m.metrics()
	var issues []string
	found := func(s Status, format string, args ...any) {
		status = min(status, s)
		issues = append(issues, fmt.Sprintf(format, args...))
	}
	last := &m.samples[len(m.samples)-1]
	if last.Circuit != circuitClosed {
		found(Unhealthy, "the circuit breaker is %s: nothing is sent to %s; is a receiver listening there?", last.Circuit, last.Endpoint)
	}
	if x.ErrorRate > t.ErrorRate {
		found(Unhealthy, "%s of the packets were refused in the last %v (more than %s): see the network and the receiver at %s",
			percent(x.ErrorRate), m.config.Window, percent(t.ErrorRate), last.Endpoint)
	}
	if m.memoryReached() {
		found(Unhealthy, "points are dropped because the memory budget is reached: raise WithMaxMemory or use fewer attribute sets")
	}
	if x.DropRate > t.DropRate {
		found(Degraded, "%s of the points were dropped in the last %v (more than %s), most as %s",
			percent(x.DropRate), m.config.Window, percent(t.DropRate), m.mainReason())
	}
	if x.BufferUtilization > t.Utilization {
		found(Degraded, "the ring was %s full in the last %v (more than %s): raise WithBufferSize or WithPacing, or record less",
			percent(x.BufferUtilization), m.config.Window, percent(t.Utilization))
	}
	return status, issues
}

func percent(v float64) string { return fmt.Sprintf("%.3g %%", 100*v) }

// metrics are those of the window.
func (m *Monitor) metrics() (x Metrics) {
	first, last := &m.samples[0], &m.samples[len(m.samples)-1]
	x.DropRate = rate(last.Points.Dropped-first.Points.Dropped, last.Points.Offered-first.Points.Offered)
	refused := last.Packets.Refused - first.Packets.Refused
	x.ErrorRate = rate(refused, last.Packets.Sent-first.Packets.Sent+refused)
	for i := range m.samples {
		if i > 0 || len(m.samples) == 1 {
			x.BufferUtilization = max(x.BufferUtilization, m.samples[i].Utilization)
			x.P99Latency = max(x.P99Latency, m.samples[i].Latency.P99)
		}
	}
	return x
}

// rate is part of whole. What is dropped may have been offered before the window.
func rate(part, whole uint64) float64 {
	if part == 0 {
		return 0
	}
	return min(1, float64(part)/float64(max(1, whole)))
}

func (m *Monitor) memoryReached() bool {
	first, last := &m.samples[0], &m.samples[len(m.samples)-1]
	return last.droppedFor(reasonMemory) > first.droppedFor(reasonMemory)
}

// mainReason is the reason for which most points were dropped in the window.
func (m *Monitor) mainReason() string {
	first, last := &m.samples[0], &m.samples[len(m.samples)-1]
	most, reason := uint64(0), "unknown"
	for _, d := range last.Dropped {
		if n := d.Points - first.droppedFor(d.Reason); n > most {
			most, reason = n, d.Reason
		}
	}
	return reason
}

func (m *Monitor) report() Report {
	r := Report{Healthy: m.status != Unhealthy, Status: m.status, Issues: []string{}, Dropped: map[string]uint64{}, Delivery: Unconfirmed, Circuit: circuitClosed}
	if len(m.samples) == 0 {
		return r
	}
	found, issues := m.findings()
	r.Issues = append(r.Issues, issues...)
	if found > m.status {
		r.Issues = append(r.Issues, fmt.Sprintf("recovering: all has been %s for less than %v", found, m.config.Hold))
	}
	last := &m.samples[len(m.samples)-1]
	r.Metrics = m.metrics()
	r.Since, r.InState = m.since, last.Time.Sub(m.since).Seconds()
	r.Uptime = last.Time.Sub(m.first).Seconds()
	r.Points, r.Packets, r.Latency = last.Points, last.Packets, Latency{P50: last.Latency.P50, P99: r.Metrics.P99Latency}
	for _, d := range last.Dropped {
		if d.Points > 0 {
			r.Dropped[d.Reason] = d.Points
		}
	}
	r.Circuit, r.Endpoint, r.Address, r.PacketSize = last.Circuit, last.Endpoint, last.Address, last.PacketSize
	if !last.LastSend.IsZero() {
		at := last.LastSend
		r.LastSend = &at
	}
	r.CardinalityOverflow, r.MemoryBudgetReached = last.CardinalityOverflow, m.memoryReached()
	return r
}

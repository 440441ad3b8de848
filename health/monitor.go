package health

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Thresholds are what a healthy exporter stays at or below. 0 stands for the
// default; say "any at all" with a number next to nothing, such as 1e-9.
type Thresholds struct {
	Utilization float64 // of the event queue, 0 to 1; above it: degraded
	DropRate    float64 // 0 to 1; above it: degraded
	ErrorRate   float64 // 0 to 1; above it: unhealthy
}

// Config is how a [Monitor] judges. The zero value of each field stands for its
// default. Any other duration is 1 ms at least.
type Config struct {
	// Thresholds are 0.9, 0.01 and 0.05 by default, each by itself.
	Thresholds Thresholds
	// Window is over how long rates are taken at least, at most 100 s; the default
	// is 10 s. It need not hold an export: see [Monitor].
	Window time.Duration
	// Hold is how long everything has to be better before the status is, longer
	// where it has been as bad only minutes before; it gets
	// worse at once. The default is 10 s.
	Hold time.Duration
	// AlertAfter is how long the status must have been worse than healthy before
	// Alert is called; the default is five minutes.
	AlertAfter time.Duration
	// Alert is called once for each time that the status stays worse than healthy,
	// by the goroutine that calls Observe; an exporter calls it from one that only
	// logs and alerts. A panic in it is caught.
	Alert func(Report)
}

const (
	// maxWindow and maxSamples bound the memory of a Monitor.
	maxWindow  = 100 * time.Second
	maxSamples = 200
	// minDuration is the least that is not 0. A plain number, which counts
	// nanoseconds, is below it.
	minDuration = time.Millisecond
)

// Validate returns an error that names the field that cannot be. [NewMonitor]
// takes what it does not allow for the default, and too long a window for the
// longest.
func (c Config) Validate() error {
	for _, t := range []struct {
		name  string
		value float64
	}{
		{"Utilization", c.Thresholds.Utilization}, {"DropRate", c.Thresholds.DropRate}, {"ErrorRate", c.Thresholds.ErrorRate},
	} {
		if !(t.value >= 0 && t.value <= 1) { // NaN is not
			return fmt.Errorf("health: Thresholds.%s %v: must be from 0 to 1", t.name, t.value)
		}
	}
	if c.Window > maxWindow {
		return fmt.Errorf("health: Window %v: must be from 0 to %v", c.Window, maxWindow)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"Window", c.Window}, {"Hold", c.Hold}, {"AlertAfter", c.AlertAfter},
	} {
		if d.value < 0 {
			return fmt.Errorf("health: %s %v: must not be negative", d.name, d.value)
		}
		if d.value > 0 && d.value < minDuration {
			return fmt.Errorf("health: %s %v: must be 0, or %v at least, such as 10*time.Second", d.name, d.value, minDuration)
		}
	}
	return nil
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, to time.Duration) {
		if *d < minDuration {
			*d = to
		}
	}
	set(&c.Window, 10*time.Second)
	c.Window = min(c.Window, maxWindow)
	set(&c.Hold, 10*time.Second)
	set(&c.AlertAfter, 5*time.Minute)
	rate := func(v *float64, to float64) {
		if !(*v > 0 && *v <= 1) {
			*v = to
		}
	}
	rate(&c.Thresholds.Utilization, 0.9)
	rate(&c.Thresholds.DropRate, 0.01)
	rate(&c.Thresholds.ErrorRate, 0.05)
	return c
}

// Monitor judges the samples that it is given, with hysteresis, so that the status
// does not flap. It judges by traffic and not by the clock: over the last
// [Config].Window and, where that holds less, over the last two bursts of traffic,
// so that silence between exports is neither good nor bad; what is older than ten
// minutes is forgiven. Bad is noticed by the first export with enough points to
// tell, or else by the second. Time is the samples' time, and memory is bounded.
type Monitor struct {
	config Config

	mu      sync.Mutex
	first   time.Time
	samples []Sample // of the window and the last before it, oldest first
	// Points handed over, points on their way out, packets.
	offered, leaving, packets traffic
	found                     findings // in the last sample

	status     Status
	since      time.Time // when the status last changed
	lastAsBad  time.Time // when what was found was last as bad as the status
	worstSince Status    // the worst that was found since then
	unwell     time.Time // since when it has not been healthy; zero: it is
	onset      time.Time // when it last ceased to be
	hold       time.Duration
	alerted    bool
}

// NewMonitor returns a Monitor that has seen nothing, and is healthy.
func NewMonitor(c Config) *Monitor {
	refused := func(s *Sample) uint64 { return s.Packets.Refused }
	return &Monitor{
		config: c.withDefaults(), status: Healthy,
		offered: traffic{all: func(s *Sample) uint64 { return s.Points.Offered }, lost: func(s *Sample) uint64 { return s.Points.Dropped }},
		leaving: traffic{all: func(s *Sample) uint64 { return s.Points.Sent + s.leaving() }, lost: (*Sample).leaving},
		packets: traffic{all: func(s *Sample) uint64 { return s.Packets.Sent + refused(s) }, lost: refused},
	}
}

// Observe takes a sample, about one a second. One goroutine at a time may call
// it. It keeps s.Dropped, which must not be changed any more.
func (m *Monitor) Observe(s Sample) {
	m.mu.Lock()
	m.add(s)
	m.found = m.examine()
	m.judge(s.Time)
	if !m.alertDue(s.Time) {
		m.mu.Unlock()
		return
	}
	report := m.report()
	m.mu.Unlock()
	m.alert(report)
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
	} else {
		for _, t := range []*traffic{&m.offered, &m.leaving, &m.packets} {
			t.note(m.last(), &s)
		}
	}
	m.samples = append(m.samples, s)
	begin := s.Time.Add(-m.config.Window)
	for len(m.samples) > maxSamples || len(m.samples) > 2 && !m.samples[1].Time.After(begin) {
		for _, t := range []*traffic{&m.offered, &m.leaving, &m.packets} {
			t.leave(&m.samples[0], &m.samples[1])
		}
		m.samples = slices.Delete(m.samples, 0, 1)
	}
}

// judge moves the status: to worse at once; to better after the hold, but to
// nothing better than the worst that was found in it.
func (m *Monitor) judge(now time.Time) {
	found := m.found.status
	if found <= m.status {
		m.lastAsBad, m.worstSince = now, Healthy
	} else {
		m.worstSince = min(m.worstSince, found)
	}
	if found == m.status || found > m.status && now.Sub(m.lastAsBad) < m.hold {
		return
	}
	m.status = min(found, m.worstSince)
	m.since, m.lastAsBad, m.worstSince = now, now, Healthy
	switch {
	case m.status == Healthy:
		m.unwell, m.alerted = time.Time{}, false
	case m.unwell.IsZero():
		m.unwell = now
		m.hold = m.config.Hold
		// What comes again and again has to be gone for longer than it takes to come.
		if again := now.Sub(m.onset); !m.onset.IsZero() && again <= memory {
			m.hold = max(m.hold, again*3/2)
		}
		m.onset = now
	}
}

func (m *Monitor) alertDue(now time.Time) bool {
	if m.config.Alert == nil || m.alerted || m.unwell.IsZero() || now.Sub(m.unwell) < m.config.AlertAfter {
		return false
	}
	m.alerted = true
	return true
}

func (m *Monitor) report() Report {
	r := Report{Healthy: m.status != Unhealthy, Status: m.status, Issues: []string{}, Dropped: map[string]uint64{}, Delivery: Unconfirmed, Circuit: circuitClosed}
	if len(m.samples) == 0 {
		return r
	}
	r.Issues = append(r.Issues, m.found.issues...)
	if m.found.status > m.status {
		r.Issues = append(r.Issues, fmt.Sprintf("recovering: it has been %s for less than %v", m.worstSince, m.hold))
	}
	last := m.last()
	r.Metrics = m.found.metrics
	r.Time, r.Since, r.InState = last.Time, m.since, last.Time.Sub(m.since).Seconds()
	r.Uptime = last.Time.Sub(m.first).Seconds()
	r.Points, r.Packets, r.Latency = last.Points, last.Packets, Latency{P50: m.lastMedian(), P99: r.Metrics.P99Latency}
	for _, d := range last.Dropped {
		if d.Points > 0 {
			r.Dropped[d.Reason] = d.Points
		}
	}
	r.Circuit, r.Endpoint, r.Address, r.PacketSize = last.Circuit, last.Endpoint, last.Address, last.PacketSize
	r.DialError = last.DialError
	if !last.LastSend.IsZero() {
		at := last.LastSend
		r.LastSend = &at
	}
	r.CardinalityOverflow, r.MemoryBudgetReached = last.CardinalityOverflow, m.found.memory
	return r
}

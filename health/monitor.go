package health

import (
	"slices"
	"sync"
	"time"
)

// Monitor judges the samples of an exporter. Its time is the time of the samples, and its
// memory is bounded.
//
// It judges whole exports: what the exporter has settled between two samples at which
// nothing was under way. It takes the worst of the last [Config].Window, the last two
// exports and the last two reports to the receiver. Silence between exports is therefore
// neither good nor bad. A loss is forgotten after ten minutes without traffic. An export
// that takes longer than five seconds is judged in pieces.
//
// The status gets worse with the first lost export that has 20 points or more, or else
// with the second. It gets better only after a hold, so that it does not flap.
type Monitor struct {
	config Config

	mu      sync.Mutex
	first   Sample
	samples []Sample // those of the window and the last one before it, oldest first
	// rest is the last sample at which nothing was under way. begin is the last such
	// sample at or before the begin of the window.
	rest, begin       Sample
	exports           [2]export // the last but one and the last
	reports           [2]export // likewise
	refusedConnection bool      // the last refusal came from a closed port
	found             findings  // in the last sample
	history           history

	status     Status
	since      time.Time // when the status last changed
	lastAsBad  time.Time // when the findings were last as bad as the status
	worstSince Status    // the worst of the findings since then
	unwell     time.Time // since when the status is not healthy; zero: it is healthy
	onset      time.Time // when the status last ceased to be healthy
	hold       time.Duration
	alerted    bool
}

// NewMonitor returns a Monitor that has no samples yet, and is healthy.
func NewMonitor(c Config) *Monitor {
	return &Monitor{config: c.withDefaults(), status: Healthy}
}

// Observe takes a sample, about one a second. One goroutine at a time may call it. It
// keeps s.Dropped, which must not be changed any more.
func (m *Monitor) Observe(s Sample) {
	m.mu.Lock()
	m.add(s)
	m.found = m.examine()
	m.judge(s.Time)
	m.history.add(m.last(), m.status, m.found.metrics)
	if !m.alertDue(s.Time) {
		m.mu.Unlock()
		return
	}
	report := m.report()
	m.mu.Unlock()
	m.alert(report)
}

func (m *Monitor) alert(r Report) {
	defer func() { _ = recover() }() // a panic must not end the goroutine that observes
	m.config.Alert(r)
}

// Report returns the present state. It is safe for concurrent use.
func (m *Monitor) Report() Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.report()
}

// add keeps s, and drops the samples that the window does not need any more.
func (m *Monitor) add(s Sample) {
	for _, d := range s.Dropped {
		if d.Leaving {
			s.lostOut += d.Points
		}
	}
	if len(m.samples) == 0 {
		m.first, m.rest, m.begin, m.since = s, s, s, s.Time
	} else {
		if last := m.last(); s.Packets.Refused > last.Packets.Refused {
			m.refusedConnection = s.ConnectionsRefused > last.ConnectionsRefused
		}
		m.note(&s)
	}
	m.samples = append(m.samples, s)
	begin := s.Time.Add(-m.config.Window)
	for len(m.samples) > maxSamples || len(m.samples) > 2 && !m.samples[1].Time.After(begin) {
		m.samples = slices.Delete(m.samples, 0, 1)
		if m.samples[0].rest {
			m.begin = m.samples[0]
		}
	}
}

// judge moves the status. It gets worse at once. It gets better after the hold, and then
// becomes the worst that was found in the hold.
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
		// A fault that comes again and again must be gone for longer than it takes to come.
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

// last returns the last sample. There is one.
func (m *Monitor) last() *Sample { return &m.samples[len(m.samples)-1] }

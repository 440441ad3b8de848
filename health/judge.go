package health

import "time"

// resolveGrace is how long after the start the endpoint need not have an address.
const resolveGrace = 10 * time.Second

// findings are what the samples say by themselves, whatever the status is.
type findings struct {
	status  Status // the worst of what was found
	issues  []string
	metrics Metrics
	memory  bool // points are dropped, and the memory budget is or was reached
}

// add adds an issue, unless it is empty.
func (f *findings) add(s Status, issue string) {
	if issue != "" {
		f.status, f.issues = min(f.status, s), append(f.issues, issue)
	}
}

// examine judges the samples. What has one cause is one issue.
func (m *Monitor) examine() findings {
	f := findings{status: Healthy, metrics: m.metrics()}
	drops := m.worst(leaving, Degraded)
	if l := m.worst(offered, Degraded); l.rate() > drops.rate() {
		drops = l
	}
	if blocked := m.blocked(); blocked != "" {
		f.add(Unhealthy, blocked)
		drops = m.worst(entering, Degraded)
	}
	short := m.last().dropped(reasonMemory).Points > m.before(&m.exports).dropped(reasonMemory).Points
	if short {
		f.memory = m.last().BudgetReached
		f.add(m.noMemory())
	}
	full := f.metrics.BufferUtilization > m.config.Thresholds.Utilization
	if drops.rate() > m.config.Thresholds.DropRate {
		main := m.mainReason(drops).Reason
		if !short || main != reasonMemory {
			f.add(Degraded, m.tooManyDrops(drops))
		}
		full = full && main != reasonRingFull
	}
	if full {
		f.add(Degraded, m.nearlyFull(f.metrics.BufferUtilization))
	}
	return f
}

// blocked says in one sentence why points do not get out. It returns "" if they do.
func (m *Monitor) blocked() string {
	last := m.last()
	lost, refused := m.worst(leaving, Unhealthy), m.worst(packets, Unhealthy)
	switch {
	case last.Closed:
		return "the exporter was shut down: nothing is recorded or sent any more"
	case last.Address == "" && last.Time.Sub(m.first.Time) >= resolveGrace:
		return m.noAddress()
	case last.Circuit != circuitClosed:
		return m.circuitOpen()
	case lost.rate() == 1:
		return m.noneSent(lost)
	case refused.rate() > m.config.Thresholds.ErrorRate:
		return m.refused(refused)
	}
	return ""
}

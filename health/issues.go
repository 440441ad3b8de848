package health

import (
	"cmp"
	"fmt"
	"time"
)

// noAddress says that there is nowhere to send to.
func (m *Monitor) noAddress() string {
	s := m.last()
	return fmt.Sprintf("nothing is sent: %s cannot be dialled: %s%s", s.Endpoint, cmp.Or(s.DialError, "it does not resolve yet"), m.lostMeanwhile())
}

// circuitOpen says why nothing is sent at present.
func (m *Monitor) circuitOpen() string {
	switch s := m.last(); {
	case s.DialError != "":
		return fmt.Sprintf("the circuit breaker is %s: nothing is sent to %s, which cannot be dialled: %s%s", s.Circuit, s.Endpoint, s.DialError, m.lostMeanwhile())
	case m.refusedConnection:
		return fmt.Sprintf("the port at %s is closed: the circuit breaker is %s, and nothing is sent until a receiver listens there%s", s.Address, s.Circuit, m.lostMeanwhile())
	default:
		return fmt.Sprintf("the circuit breaker is %s: nothing is sent to %s, since the kernel refuses packets: look at routes, firewall and interface%s", s.Circuit, s.Endpoint, m.lostMeanwhile())
	}
}

// lostMeanwhile says how many points were dropped on their way out of late, and why; ""
// if there were none.
func (m *Monitor) lostMeanwhile() string {
	l := m.worst(leaving, Healthy)
	if l.lost == 0 {
		return ""
	}
	return fmt.Sprintf("; %d points were dropped in the last %v, most as %s", l.lost, m.span(l.since), m.mainReason(l).advice())
}

func (m *Monitor) noneSent(l loss) string {
	cause := ""
	if s := m.last(); s.DialError != "" {
		cause = fmt.Sprintf(" to %s, which cannot be dialled: %s", s.Endpoint, s.DialError)
	}
	return fmt.Sprintf("none of the %d points on their way out in the last %v were sent%s, most dropped as %s", l.lost, m.span(l.since), cause, m.mainReason(l).advice())
}

// refused speaks of a closed port without a share of packets: of those that the kernel
// took none has arrived.
func (m *Monitor) refused(l loss) string {
	if m.refusedConnection {
		return fmt.Sprintf("the port at %s is closed, or was in the last %v: what was sent to it is lost; is a receiver listening there?", m.last().Address, m.span(l.since))
	}
	return fmt.Sprintf("%s of the packets were refused in the last %v (more than %s): see the network and the receiver at %s",
		percent(l.rate()), m.span(l.since), percent(m.config.Thresholds.ErrorRate), m.last().Endpoint)
}

func (m *Monitor) noMemory() (Status, string) {
	if m.last().BudgetReached {
		return Unhealthy, "points are dropped, and the memory budget is or was reached" + m.last().dropped(reasonMemory).remedy()
	}
	return Degraded, "points are dropped because there are too many meters, instruments or names: make them once, and put what varies into attributes"
}

func (m *Monitor) tooManyDrops(l loss) string {
	return fmt.Sprintf("%s of the points were dropped in the last %v (more than %s), most as %s",
		percent(l.rate()), m.span(l.since), percent(m.config.Thresholds.DropRate), m.mainReason(l).advice())
}

func (m *Monitor) nearlyFull(use float64) string {
	return fmt.Sprintf("the event queue was %s full in the last %v (more than %s)%s",
		percent(use), m.span(&m.samples[0]), percent(m.config.Thresholds.Utilization), m.last().dropped(reasonRingFull).remedy())
}

// recovering says why the status is worse than what is found at present.
func (m *Monitor) recovering() string {
	if m.worstSince == Healthy {
		return fmt.Sprintf("recovering: nothing has been wrong for %v; healthy after %v", m.better(), m.hold)
	}
	return fmt.Sprintf("%s until nothing worse than %s has been found for %v: %v so far", m.status, m.worstSince, m.hold, m.better())
}

// better returns how long the findings have been better than the status.
func (m *Monitor) better() time.Duration {
	return m.last().Time.Sub(m.lastAsBad).Round(time.Second)
}

// mainReason returns the reason for most of a loss.
func (m *Monitor) mainReason(l loss) (main Dropped) {
	most := uint64(0)
	for _, d := range m.last().Dropped {
		if n := d.Points - l.since.dropped(d.Reason).Points; n > most && l.kind.has(d) {
			most, main = n, d
		}
	}
	return main
}

// span returns how long before the last sample another was.
func (m *Monitor) span(s *Sample) time.Duration { return m.last().Time.Sub(s.Time).Round(time.Second) }

func percent(v float64) string { return fmt.Sprintf("%.3g %%", 100*v) }

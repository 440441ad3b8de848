package health

import (
	"fmt"
	"time"
)

// resolveGrace is how long after the start there need not be an address.
const resolveGrace = 10 * time.Second

// findings are what is wrong at present: the worst of it, all of it in sentences,
// and the numbers behind it.
type findings struct {
	status  Status
	issues  []string
	metrics Metrics
	memory  bool // points are dropped, and the memory budget is or was reached
}

func (f *findings) add(s Status, format string, args ...any) {
	f.status = min(f.status, s)
	f.issues = append(f.issues, fmt.Sprintf(format, args...))
}

// examine judges the samples by themselves, whatever the status is.
func (m *Monitor) examine() findings {
	f := findings{status: Healthy}
	offered, leaving := m.losses(&m.offered), m.losses(&m.leaving)
	packets := m.losses(&m.packets, &m.leaving) // the reports of an idle minute are not what an export meets
	for i := range m.samples {
		if i > 0 || len(m.samples) == 1 {
			f.metrics.BufferUtilization = max(f.metrics.BufferUtilization, m.samples[i].Utilization)
			f.metrics.P99Latency = max(f.metrics.P99Latency, m.samples[i].Latency.P99)
		}
	}
	f.metrics.DropRate = max(offered[0].rate(), offered[1].rate(), leaving[0].rate(), leaving[1].rate())
	f.metrics.ErrorRate = max(packets[0].rate(), packets[1].rate())
	m.judgePath(&f, leaving)
	m.judgeMemory(&f, offered[1].since)
	m.judgePackets(&f, packets)
	m.judgeDrops(&f, offered, leaving)
	if t := m.config.Thresholds.Utilization; f.metrics.BufferUtilization > t {
		f.add(Degraded, "the event queue was %s full in the last %v (more than %s): raise WithBufferSize or WithPacing, or record less",
			percent(f.metrics.BufferUtilization), m.span(&m.samples[0]), percent(t))
	}
	return f
}

// losses are those of the window and, where that does not hold the last two moves
// of one of kinds, of what does. They are of the first kind.
func (m *Monitor) losses(kinds ...*traffic) [2]loss {
	begin, last := &m.samples[0], m.last()
	first := begin
	if len(m.samples) > 1 {
		for _, t := range kinds {
			if w := t.whole(begin, &m.samples[1]); w.Time.Before(first.Time) {
				first = w
			}
		}
	}
	base := first
	for _, t := range kinds {
		if b := t.base(last.Time); b != nil && b.Time.Before(base.Time) {
			base = b
		}
	}
	return [2]loss{kinds[0].since(first, last), kinds[0].since(base, last)}
}

// tells reports whether l is worth judging: little is lost but once is no reason
// for a status, but reason enough to stay in it.
func (m *Monitor) tells(l loss, s Status) bool { return m.status <= s || l.tells() }

// judgePath asks whether there is a way out at all.
func (m *Monitor) judgePath(f *findings, leaving [2]loss) {
	last := m.last()
	if last.Closed {
		f.add(Unhealthy, "the exporter was shut down: nothing is recorded or sent any more")
		return
	}
	if last.Circuit != circuitClosed && last.DialError != "" {
		f.add(Unhealthy, "the circuit breaker is %s: nothing is sent to %s, which cannot be dialled: %s", last.Circuit, last.Endpoint, last.DialError)
	} else if last.Circuit != circuitClosed {
		f.add(Unhealthy, "the circuit breaker is %s: nothing is sent to %s; is a receiver listening there?", last.Circuit, last.Endpoint)
	}
	if last.Address == "" && last.Time.Sub(m.first) >= resolveGrace {
		cause := "it does not resolve yet"
		if last.DialError != "" {
			cause = last.DialError
		}
		f.add(Unhealthy, "nothing is sent: %s cannot be dialled: %s", last.Endpoint, cause)
		return
	}
	for _, l := range leaving {
		if l.lost > 0 && l.lost == l.all && m.tells(l, Unhealthy) {
			f.add(Unhealthy, "none of the %d points on their way out in the last %v were sent, most dropped as %s", l.lost, m.span(l.since), m.mainReason(l.since, true))
			return
		}
	}
}

func (m *Monitor) judgeMemory(f *findings, since *Sample) {
	last := m.last()
	if last.droppedFor(reasonMemory) == since.droppedFor(reasonMemory) {
		return
	}
	if f.memory = last.BudgetReached; f.memory {
		f.add(Unhealthy, "points are dropped, and the memory budget is or was reached: raise WithMaxMemory, or use fewer attribute sets, instruments and names")
	} else {
		f.add(Degraded, "points are dropped because there are too many meters, instruments or names: make them once, and put what varies into attributes")
	}
}

func (m *Monitor) judgePackets(f *findings, packets [2]loss) {
	t := m.config.Thresholds.ErrorRate
	for _, l := range packets {
		if l.rate() > t && m.tells(l, Unhealthy) {
			f.add(Unhealthy, "%s of the packets were refused in the last %v (more than %s): see the network and the receiver at %s",
				percent(l.rate()), m.span(l.since), percent(t), m.last().Endpoint)
			return
		}
	}
}

// judgeDrops names the worst of the rates at which points are dropped.
func (m *Monitor) judgeDrops(f *findings, offered, leaving [2]loss) {
	t := m.config.Thresholds.DropRate
	var worst loss
	out := false
	for i, l := range [...]loss{leaving[0], leaving[1], offered[0], offered[1]} {
		if l.rate() > max(t, worst.rate()) && m.tells(l, Degraded) {
			worst, out = l, i < len(leaving)
		}
	}
	if worst.lost > 0 {
		f.add(Degraded, "%s of the points were dropped in the last %v (more than %s), most as %s",
			percent(worst.rate()), m.span(worst.since), percent(t), m.mainReason(worst.since, out))
	}
}

// last is the last sample; there is one.
func (m *Monitor) last() *Sample { return &m.samples[len(m.samples)-1] }

// span is how long ago s was.
func (m *Monitor) span(s *Sample) time.Duration {
	return m.last().Time.Sub(s.Time).Round(time.Second)
}

func percent(v float64) string { return fmt.Sprintf("%.3g %%", 100*v) }

// lastMedian is that of the last sample in which something was sent.
func (m *Monitor) lastMedian() float64 {
	for i := len(m.samples) - 1; i >= 0; i-- {
		if l := m.samples[i].Latency; l.P99 > 0 && (i > 0 || len(m.samples) == 1) {
			return l.P50
		}
	}
	return 0
}

// mainReason is the reason for which most points were dropped since a sample, of
// all or of those on the way out.
func (m *Monitor) mainReason(since *Sample, leaving bool) string {
	most, reason := uint64(0), "unknown"
	for _, d := range m.last().Dropped {
		if n := d.Points - since.droppedFor(d.Reason); n > most && (d.Leaving || !leaving) {
			most, reason = n, d.Reason
		}
	}
	return reason
}

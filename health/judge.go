package health

import (
	"fmt"
	"time"
)

const (
	// A rate is no reason for anything while it is about fewer points or packets
	// and was seen but once: one refused packet of two is no outage.
	fewPoints  = 20
	fewPackets = 20
	// resolveGrace is how long after the start there need not be an address.
	resolveGrace = 10 * time.Second
)

// findings judges the window by itself, and says what is wrong with it.
func (m *Monitor) findings() (Status, []string) {
	if len(m.samples) == 0 {
		return Healthy, nil
	}
	var f findings
	f.status = Healthy
	m.judgePath(&f)
	m.judgeRates(&f)
	return f.status, f.issues
}

// findings is the worst that was found, and all of it in sentences.
type findings struct {
	status Status
	issues []string
}

func (f *findings) add(s Status, format string, args ...any) {
	f.status = min(f.status, s)
	f.issues = append(f.issues, fmt.Sprintf(format, args...))
}

// judgePath asks whether there is a way out at all.
func (m *Monitor) judgePath(f *findings) {
	first, last := m.bounds()
	if last.Closed {
		f.add(Unhealthy, "the exporter was shut down: nothing is recorded or sent any more")
		return
	}
	if last.Circuit != circuitClosed {
		f.add(Unhealthy, "the circuit breaker is %s: nothing is sent to %s; is a receiver listening there?", last.Circuit, last.Endpoint)
	}
	switch lost := last.leaving() - first.leaving(); {
	case last.Address == "" && last.Time.Sub(m.first) >= resolveGrace:
		f.add(Unhealthy, "nothing is sent: %s does not resolve, or there is no route to it", last.Endpoint)
	case lost > 0 && last.Points.Sent == first.Points.Sent && m.enough(lost, fewPoints, (*Sample).leaving):
		f.add(Unhealthy, "none of the %d points on their way out in the last %v were sent, most dropped as %s", lost, m.span(), m.mainReason(true))
	}
	if m.memoryReached() {
		f.add(Unhealthy, "points are dropped because the memory budget is reached: raise WithMaxMemory or use fewer attribute sets")
	} else if last.droppedFor(reasonMemory) > first.droppedFor(reasonMemory) {
		f.add(Degraded, "points are dropped because there are too many meters, instruments or names: make them once, and put what varies into attributes")
	}
}

// judgeRates holds the rates against the thresholds.
func (m *Monitor) judgeRates(f *findings) {
	first, last := m.bounds()
	t, x := m.config.Thresholds, m.metrics()
	refused := func(s *Sample) uint64 { return s.Packets.Refused }
	tried := last.Packets.Sent - first.Packets.Sent + refused(last) - refused(first)
	if x.ErrorRate > t.ErrorRate && m.enough(tried, fewPackets, refused) {
		f.add(Unhealthy, "%s of the packets were refused in the last %v (more than %s): see the network and the receiver at %s",
			percent(x.ErrorRate), m.span(), percent(t.ErrorRate), last.Endpoint)
	}
	dropped := func(s *Sample) uint64 { return s.Points.Dropped }
	leaving, offered := m.leavingRate() == x.DropRate, last.Points.Offered-first.Points.Offered
	if leaving {
		offered = last.Points.Sent - first.Points.Sent + last.leaving() - first.leaving()
	}
	if x.DropRate > t.DropRate && m.enough(offered, fewPoints, dropped) {
		f.add(Degraded, "%s of the points were dropped in the last %v (more than %s), most as %s",
			percent(x.DropRate), m.span(), percent(t.DropRate), m.mainReason(leaving))
	}
	if x.BufferUtilization > t.Utilization {
		f.add(Degraded, "the ring was %s full in the last %v (more than %s): raise WithBufferSize or WithPacing, or record less",
			percent(x.BufferUtilization), m.span(), percent(t.Utilization))
	}
}

// bounds are the first and the last sample of the window; there is one.
func (m *Monitor) bounds() (first, last *Sample) {
	return &m.samples[0], &m.samples[len(m.samples)-1]
}

// span is how long the window is by now.
func (m *Monitor) span() time.Duration {
	first, last := m.bounds()
	return last.Time.Sub(first.Time).Round(time.Second)
}

// enough reports whether a rate over so many is worth judging: there are more
// than few, or what is counted has grown in two samples of the window.
func (m *Monitor) enough(n, few uint64, count func(*Sample) uint64) bool {
	if n >= few {
		return true
	}
	grown := 0
	for i := 1; i < len(m.samples); i++ {
		if count(&m.samples[i]) > count(&m.samples[i-1]) {
			grown++
		}
	}
	return grown > 1
}

func percent(v float64) string { return fmt.Sprintf("%.3g %%", 100*v) }

// metrics are those of the window.
func (m *Monitor) metrics() (x Metrics) {
	first, last := m.bounds()
	x.DropRate = max(m.leavingRate(), rate(last.Points.Dropped-first.Points.Dropped, last.Points.Offered-first.Points.Offered))
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

// leavingRate is the part of the points on their way out that were dropped there.
func (m *Monitor) leavingRate() float64 {
	first, last := m.bounds()
	lost := last.leaving() - first.leaving()
	return rate(lost, last.Points.Sent-first.Points.Sent+lost)
}

// rate is part of whole. What is dropped may have been offered before the window.
func rate(part, whole uint64) float64 {
	if part == 0 {
		return 0
	}
	return min(1, float64(part)/float64(max(1, whole)))
}

// lastMedian is that of the last sample in which something was sent.
func (m *Monitor) lastMedian() float64 {
	for i := len(m.samples) - 1; i >= 0; i-- {
		if l := m.samples[i].Latency; l.P99 > 0 && (i > 0 || len(m.samples) == 1) {
			return l.P50
		}
	}
	return 0
}

func (m *Monitor) memoryReached() bool {
	first, last := m.bounds()
	return last.Budgeted && last.droppedFor(reasonMemory) > first.droppedFor(reasonMemory)
}

// mainReason is the reason for which most points were dropped in the window, of
// all or of those on the way out.
func (m *Monitor) mainReason(leaving bool) string {
	first, last := m.bounds()
	most, reason := uint64(0), "unknown"
	for _, d := range last.Dropped {
		if n := d.Points - first.droppedFor(d.Reason); n > most && (d.Leaving || !leaving) {
			most, reason = n, d.Reason
		}
	}
	return reason
}

package health

import (
	"fmt"
	"time"
)

// Status is the state of health. Its numbers are those of the gauge
// stats.health.status.
type Status uint8

// The states, worst first.
const (
	Unhealthy Status = iota // points do not get out, packets are refused, or memory is used up
	Degraded                // points are lost, or will be soon
	Healthy
)

var statusNames = [...]string{Unhealthy: "unhealthy", Degraded: "degraded", Healthy: "healthy"}

// String returns the state as it stands in JSON.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("Status(%d)", uint8(s))
}

// MarshalText implements [encoding.TextMarshaler].
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Status) UnmarshalText(text []byte) error {
	for i, name := range statusNames {
		if name == string(text) {
			*s = Status(i)
			return nil
		}
	}
	return fmt.Errorf("health: unknown status %q", text)
}

// Unconfirmed is the delivery of everything sent over UDP: no sender knows what
// arrives.
const Unconfirmed = "unconfirmed"

// Report is the state of an exporter at one moment. It belongs to the caller. Rates are
// those of the last traffic (see [Monitor]). Use and quantiles are those of the last
// [Config].Window. The other numbers count since the start.
type Report struct {
	// Healthy is true unless Status is Unhealthy.
	Healthy bool    `json:"healthy"`
	Status  Status  `json:"status"`
	Metrics Metrics `json:"metrics"`
	// Issues says in sentences what is wrong and what to do, one sentence a fault. It is
	// never nil.
	Issues []string `json:"issues"`

	// Time is when the exporter last looked at itself. The report is as of then. The
	// exporter looks once a second, until it is shut down. If Time stays behind, something
	// holds the exporter up, and Issues says so.
	Time time.Time `json:"time"`
	// Since is when the status last changed.
	Since time.Time `json:"status_since"`
	// InState is how long ago that was, in seconds.
	InState float64 `json:"status_seconds"`
	// Uptime is how long the exporter has been running, in seconds.
	Uptime float64 `json:"uptime_seconds"`

	Points  Points            `json:"points"`
	Dropped map[string]uint64 `json:"dropped"` // points by reason, without zeros
	Packets Packets           `json:"packets"`
	Latency Latency           `json:"latency"`

	// Circuit is the state of the circuit breaker: closed, open or half-open. A closed
	// circuit sends, an open one drops, a half-open one probes.
	Circuit string `json:"circuit"`
	// Endpoint is the address that the exporter was told.
	Endpoint string `json:"endpoint"`
	// Address is what Endpoint resolves to at present. It is empty until it does.
	Address string `json:"address"`
	// DialError is why the last attempt to resolve or dial the endpoint failed. It is
	// empty if the attempt succeeded.
	DialError string `json:"dial_error"`
	// PacketSize is the largest packet at present, in bytes.
	PacketSize int `json:"packet_size"`
	// LastSend is when the kernel last took points. It is nil if the kernel never did.
	LastSend *time.Time `json:"last_send"`
	// Delivery is always Unconfirmed.
	Delivery string `json:"delivery"`
	// CardinalityOverflow says that an instrument of the direct path has more attribute
	// sets than its limit.
	CardinalityOverflow bool `json:"cardinality_overflow"`
	// MemoryBudgetReached says that points are dropped for want of memory, and that the
	// memory budget is or was used up.
	MemoryBudgetReached bool `json:"memory_budget_reached"`

	// Rates are points per second over the last Window, or over the time between the last
	// two exports if the Window does not hold both.
	Rates Rates `json:"rates"`
	// LastExport is the last export that was sent or dropped as a whole. It is nil if
	// there was none.
	LastExport *LastExport `json:"last_export"`
}

// Metrics are the numbers that the status is judged by.
type Metrics struct {
	// BufferUtilization is how full the event queue was at worst in the window, from 0 to
	// 1. The point queue is not counted: Export and the collections of the direct path
	// fill it on purpose, and wait. stats.buffer.utilization says how full that one is.
	BufferUtilization float64 `json:"buffer_utilization"`
	// DropRate is the larger of two rates: points dropped of those offered, and points
	// dropped on their way out of those that were on it. The second rate tells when the
	// few points that leave are lost, besides many measurements that are refused.
	DropRate float64 `json:"drop_rate"`
	// ErrorRate is packets refused, of those tried.
	ErrorRate float64 `json:"error_rate"`
	// P99Latency is from when a point is handed over to when the kernel takes it, in
	// milliseconds. It is 0 if nothing was sent.
	P99Latency float64 `json:"p99_latency_ms"`
}

// Points are numbers of points.
type Points struct {
	Offered  uint64 `json:"offered"`
	Sent     uint64 `json:"sent"`
	Dropped  uint64 `json:"dropped"`
	Queued   uint64 `json:"queued"`
	Capacity uint64 `json:"capacity"` // of the queues
}

// Packets are numbers of packets, and of the bytes in them.
type Packets struct {
	Sent    uint64 `json:"sent"`
	Bytes   uint64 `json:"bytes"`
	Refused uint64 `json:"refused"`
}

// Latency is from when a point is handed over to when the kernel takes its packet, in
// milliseconds. Both quantiles are those of the window: P50 of its last second in which
// something was sent, P99 of its worst second.
type Latency struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
}

// Rates are points per second.
type Rates struct {
	Offered float64 `json:"offered"`
	Sent    float64 `json:"sent"`
	Dropped float64 `json:"dropped"`
	// Seconds is how long the time is that the rates are taken over.
	Seconds float64 `json:"seconds"`
}

// LastExport is what became of the points of an export. Exports less than a second apart
// count as one.
type LastExport struct {
	// Time is when the exporter noticed that all points were sent or dropped: at most a
	// second later.
	Time    time.Time `json:"time"`
	Sent    uint64    `json:"sent"`
	Dropped uint64    `json:"dropped"`
}

// Source is an exporter, or whatever else has a health.
type Source interface {
	// Health returns the present state. It must be safe for concurrent use.
	Health() Report
}

// report makes the Report.
func (m *Monitor) report() Report {
	r := Report{Healthy: m.status != Unhealthy, Status: m.status, Issues: []string{}, Dropped: map[string]uint64{}, Delivery: Unconfirmed, Circuit: circuitClosed}
	if len(m.samples) == 0 {
		return r
	}
	r.Issues = append(r.Issues, m.found.issues...)
	if m.found.status > m.status {
		r.Issues = append(r.Issues, m.recovering())
	}
	last := m.last()
	r.Metrics = m.found.metrics
	r.Time, r.Since, r.InState = last.Time, m.since, last.Time.Sub(m.since).Seconds()
	r.Uptime = last.Time.Sub(m.first.Time).Seconds()
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
	r.Rates, r.LastExport = m.rates(), m.lastExport()
	return r
}

// metrics takes the peaks of the window, and the rates of all losses, however small.
func (m *Monitor) metrics() (r Metrics) {
	r.DropRate = max(m.worst(offered, Healthy).rate(), m.worst(leaving, Healthy).rate())
	r.ErrorRate = m.worst(packets, Healthy).rate()
	for i := range m.samples {
		if s := &m.samples[i]; i > 0 || len(m.samples) == 1 { // the first is that before the window
			r.BufferUtilization = max(r.BufferUtilization, s.Utilization)
			r.P99Latency = max(r.P99Latency, s.Latency.P99)
		}
	}
	return r
}

// lastMedian returns the median of the last sample in which something was sent.
func (m *Monitor) lastMedian() float64 {
	for i := len(m.samples) - 1; i >= 0; i-- {
		if l := m.samples[i].Latency; l.P99 > 0 && (i > 0 || len(m.samples) == 1) {
			return l.P50
		}
	}
	return 0
}

// rates returns those of the window. Where exports are further apart than that, it returns
// those from the end of one export to the end of the next, until the one after is overdue.
func (m *Monitor) rates() (r Rates) {
	begin, end := &m.begin, m.last()
	before, export := &m.exports[0].end, &m.exports[1].end
	if before.Time.IsZero() {
		before = &m.first
	}
	if !export.Time.IsZero() && before.Time.Before(begin.Time) {
		begin = before
		if end.Time.Sub(export.Time) < export.Time.Sub(before.Time) {
			end = export
		}
	}
	r.Seconds = end.Time.Sub(begin.Time).Seconds()
	if r.Seconds > 0 {
		r.Offered = float64(end.Points.Offered-begin.Points.Offered) / r.Seconds
		r.Sent = float64(end.Points.Sent-begin.Points.Sent) / r.Seconds
		r.Dropped = float64(end.Points.Dropped-begin.Points.Dropped) / r.Seconds
	}
	return r
}

// lastExport returns nil until there was one.
func (m *Monitor) lastExport() *LastExport {
	e := &m.exports[1]
	if e.end.Time.IsZero() {
		return nil
	}
	return &LastExport{Time: e.end.Time, Sent: e.end.Points.Sent - e.begin.Points.Sent, Dropped: e.end.Points.Dropped - e.begin.Points.Dropped}
}

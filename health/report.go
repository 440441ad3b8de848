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
	Unhealthy Status = iota // no way out, packets refused, or out of memory
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

// Report is the state of an exporter at one moment. Rates are of the last traffic
// (see [Monitor]), use and quantiles of the last [Config].Window, the other numbers
// since the start. It is its owner's to keep.
type Report struct {
	// Healthy is true unless Status is Unhealthy.
	Healthy bool    `json:"healthy"`
	Status  Status  `json:"status"`
	Metrics Metrics `json:"metrics"`
	// Issues says in sentences what is wrong and what to do. It is never nil.
	Issues []string `json:"issues"`

	// Time is when the exporter last looked at itself: all of the report is as of
	// then. It does so once a second; where Time stays behind, something holds it
	// up, which Issues says, or it was shut down.
	Time time.Time `json:"time"`
	// Since is when the status last changed, InState how long ago, in seconds.
	Since   time.Time `json:"status_since"`
	InState float64   `json:"status_seconds"`
	// Uptime is how long the exporter has been running, in seconds.
	Uptime float64 `json:"uptime_seconds"`

	Points  Points            `json:"points"`
	Dropped map[string]uint64 `json:"dropped"` // points by reason, without zeros
	Packets Packets           `json:"packets"`
	Latency Latency           `json:"latency"`

	// Circuit is the state of the circuit breaker: closed, open or half-open.
	Circuit string `json:"circuit"`
	// Endpoint is what the exporter was told, Address what that means at present.
	Endpoint string `json:"endpoint"`
	Address  string `json:"address"`
	// DialError is why the endpoint could not be resolved or dialled, when it was tried
	// last; it is empty if it could.
	DialError string `json:"dial_error"`
	// PacketSize is the largest packet at present, in bytes.
	PacketSize int `json:"packet_size"`
	// LastSend is when the kernel last took points; nil: never.
	LastSend *time.Time `json:"last_send"`
	// Delivery is always Unconfirmed.
	Delivery string `json:"delivery"`
	// CardinalityOverflow says that some instrument of the direct path has more
	// attribute sets than its limit; MemoryBudgetReached that points are dropped for
	// want of memory, and that the budget is used up, or was.
	CardinalityOverflow bool `json:"cardinality_overflow"`
	MemoryBudgetReached bool `json:"memory_budget_reached"`
}

// Metrics are what the status is judged by.
type Metrics struct {
	// BufferUtilization is how full the queue of events was at worst in the window, from 0
	// to 1. A queue whose producer waits is not counted: Export and the collections of the
	// direct path fill theirs on purpose. stats.buffer.utilization says how full that is.
	BufferUtilization float64 `json:"buffer_utilization"`
	// DropRate is the larger of two: points dropped, of those offered; and points
	// dropped on the way out, of those that were on it, which tells when the few points
	// that leave are lost beside many measurements that are refused.
	DropRate   float64 `json:"drop_rate"`
	ErrorRate  float64 `json:"error_rate"`     // packets refused, of those tried
	P99Latency float64 `json:"p99_latency_ms"` // handed over to kernel, in milliseconds; 0: nothing was sent
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

// Latency is from when a point is handed over to when the kernel takes its
// packet, in milliseconds: P50 in the last second in which something was sent, P99
// in the worst one, both of the window.
type Latency struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
}

// Source is what has a health.
type Source interface {
	// Health returns the present state. It must be safe for concurrent use.
	Health() Report
}

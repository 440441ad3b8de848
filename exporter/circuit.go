package exporter

import (
	"fmt"
	"time"

	"github.com/otelgram/otelgram/internal/session"
)

// CircuitBreakerConfig says when the circuit breaker opens, and for how long. The zero
// value turns the breaker off.
//
// The circuit opens after FailureThreshold local errors in a row. It also opens when
// packets met a closed port in three of the last five seconds with traffic. A closed port
// never gives two errors in a row, because the kernel reports the error of one packet in
// place of sending the next. Packets that vanish without an answer do not open the circuit,
// since no error tells of them.
//
// While the circuit is open, points are dropped and counted as breaker_open, and a new
// socket is dialled, to the address that the endpoint's name has by then. After the timeout
// a sender report is sent as a probe. The circuit closes if a quarter of a second later no
// error has come for the probe.
//
// The log says at level Warn that the circuit has opened, and at level Info that it has
// closed. Probes and their failures are logged at level Debug.
type CircuitBreakerConfig struct {
	// Enabled turns the breaker on. Without it the other fields must be zero.
	Enabled bool
	// FailureThreshold is how many local errors in a row open the circuit, such as no route
	// or a local firewall. The exporter pauses after each error, so that ten of them take a
	// third of a second. The default, for 0, is 10.
	FailureThreshold int
	// Timeout is how long the circuit stays open before it is probed, from 10 ms to 24 h.
	// Each process adds or takes off up to a fifth at random. The default, for 0, is 30 s.
	Timeout time.Duration
}

const (
	defaultFailureThreshold = 10
	defaultBreakerTimeout   = 30 * time.Second
	minBreakerTimeout       = 10 * time.Millisecond
)

func (b CircuitBreakerConfig) withDefaults() CircuitBreakerConfig {
	if b.FailureThreshold == 0 {
		b.FailureThreshold = defaultFailureThreshold
	}
	if b.Timeout == 0 {
		b.Timeout = defaultBreakerTimeout
	}
	return b
}

func (b CircuitBreakerConfig) validate() error {
	if !b.Enabled && b != (CircuitBreakerConfig{}) {
		return fmt.Errorf("otelgram: WithCircuitBreaker: %+v: must be zero, or Enabled true", b)
	}
	if b.FailureThreshold < 0 {
		return fmt.Errorf("otelgram: WithCircuitBreaker: FailureThreshold %d: must not be negative", b.FailureThreshold)
	}
	if b.Timeout != 0 && (b.Timeout < minBreakerTimeout || b.Timeout > 24*time.Hour) {
		return fmt.Errorf("otelgram: WithCircuitBreaker: Timeout %v: must be from %v to 24h, such as 30*time.Second", b.Timeout, minBreakerTimeout)
	}
	return nil
}

// CircuitState is a state of the circuit breaker. Its numbers are the values of the gauge
// stats.circuit.state.
type CircuitState uint8

// The states of the circuit breaker.
const (
	CircuitClosed   = CircuitState(session.CircuitClosed)   // packets are sent
	CircuitOpen     = CircuitState(session.CircuitOpen)     // points are dropped
	CircuitHalfOpen = CircuitState(session.CircuitHalfOpen) // points are dropped while a probe waits for its answer
)

// String returns the state in lower case: "closed", "open" or "half-open".
func (s CircuitState) String() string { return session.Circuit(s).String() }

// MarshalText returns the name of the state, as String does.
func (s CircuitState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the name of a state.
func (s *CircuitState) UnmarshalText(text []byte) error {
	for _, state := range []CircuitState{CircuitClosed, CircuitOpen, CircuitHalfOpen} {
		if state.String() == string(text) {
			*s = state
			return nil
		}
	}
	return fmt.Errorf("otelgram: circuit state %q: want %v, %v or %v", text, CircuitClosed, CircuitOpen, CircuitHalfOpen)
}

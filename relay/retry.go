package relay

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// RetryConfig says how a failed Export is tried again: after a pause that doubles each
// time, less a random part of up to a half. A zero field means its default.
//
// What comes after of the same resource waits meanwhile, so that its points leave in the
// order in which they came. Other resources go on. When three of them have failed and
// nothing has succeeded since, the target counts as down: all wait, and one request is
// tried after each such pause, until one succeeds. Shutdown tries all requests at once, one
// time.
type RetryConfig struct {
	// MaxAttempts is how often Export is called with the same points at most, the first
	// time included. 1 means no retry. The default, for 0, is no limit except MaxElapsed.
	MaxAttempts int
	// MaxElapsed is how long after the begin of the first attempt another one may be due.
	// An attempt may begin later than it is due, if others are under way or the target is
	// down. The default, for 0, is 1 minute.
	MaxElapsed time.Duration
	// InitialBackoff is the first pause. The default, for 0, is 500 ms.
	InitialBackoff time.Duration
	// MaxBackoff is the longest pause. The default, for 0, is 10 s, or InitialBackoff if
	// that is more.
	MaxBackoff time.Duration
}

const (
	defaultMaxElapsed     = time.Minute
	defaultInitialBackoff = 500 * time.Millisecond
	defaultMaxBackoff     = 10 * time.Second
)

func (r RetryConfig) withDefaults() RetryConfig {
	if r.MaxElapsed == 0 {
		r.MaxElapsed = defaultMaxElapsed
	}
	if r.InitialBackoff == 0 {
		r.InitialBackoff = defaultInitialBackoff
		if r.MaxBackoff > 0 {
			r.InitialBackoff = min(r.InitialBackoff, r.MaxBackoff)
		}
	}
	if r.MaxBackoff == 0 {
		r.MaxBackoff = max(defaultMaxBackoff, r.InitialBackoff)
	}
	return r
}

// validate returns an error for the first field with a value that is not allowed.
func (r RetryConfig) validate() error {
	if r.MaxAttempts < 0 {
		return fmt.Errorf("otelgram: WithRetry: MaxAttempts %d: must not be negative", r.MaxAttempts)
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"MaxElapsed", r.MaxElapsed}, {"InitialBackoff", r.InitialBackoff}, {"MaxBackoff", r.MaxBackoff}} {
		if d.value != 0 && (d.value < minDuration || d.value > maxDuration) {
			return fmt.Errorf("otelgram: WithRetry: %s %v: must be from %v to %v", d.field, d.value, minDuration, maxDuration)
		}
	}
	if r.MaxBackoff != 0 && r.InitialBackoff > r.MaxBackoff {
		return fmt.Errorf("otelgram: WithRetry: InitialBackoff %v: must be at most MaxBackoff, %v", r.InitialBackoff, r.MaxBackoff)
	}
	return nil
}

// next returns the pause before the next attempt, and false if there must be none. attempts
// is how many were made, and elapsed is how long ago the first of them began.
func (r RetryConfig) next(attempts int, elapsed time.Duration) (time.Duration, bool) {
	if r.MaxAttempts > 0 && attempts >= r.MaxAttempts {
		return 0, false
	}
	pause := r.pause(attempts)
	return pause, elapsed+pause <= r.MaxElapsed
}

// pause returns the pause after that many failed attempts.
func (r RetryConfig) pause(attempts int) time.Duration {
	pause := r.InitialBackoff
	for range attempts - 1 {
		if pause *= 2; pause >= r.MaxBackoff {
			pause = r.MaxBackoff
			break
		}
	}
	return pause/2 + rand.N(pause/2+1)
}

package health

import (
	"fmt"
	"time"
)

// Thresholds are the highest values that a healthy exporter may have, each from 0 to 1.
// 0 stands for the default. To allow nothing at all, set a tiny number such as 1e-9.
type Thresholds struct {
	Utilization float64 // of the event queue; above it the exporter is degraded
	DropRate    float64 // of the points; above it the exporter is degraded
	ErrorRate   float64 // of the packets; above it the exporter is unhealthy
}

// Config is how a [Monitor] judges. The zero value of each field stands for its
// default. Any other duration must be 1 ms at least.
type Config struct {
	// Thresholds are 0.9, 0.01 and 0.05 by default. Each has its default by itself.
	Thresholds Thresholds
	// Window is the time that rates are taken over, besides the last two exports (see
	// [Monitor]). It is at most 100 s. The default is 10 s.
	Window time.Duration
	// Hold is how long everything must have been better before the status gets better.
	// A status that comes again within ten minutes is held for longer. The status gets
	// worse at once. The default is 10 s.
	Hold time.Duration
	// AlertAfter is how long the status must have been worse than healthy before Alert
	// is called. The default is five minutes.
	AlertAfter time.Duration
	// Alert is called once for each time that the status stays worse than healthy. The
	// goroutine that calls Observe calls it. An exporter calls it from a goroutine that
	// only logs and alerts. A panic in it is caught.
	Alert func(Report)
}

const (
	// maxWindow and maxSamples bound the memory of a Monitor.
	maxWindow  = 100 * time.Second
	maxSamples = 200
	// minDuration is the shortest duration that is allowed. A plain number such as 10
	// counts nanoseconds, and is refused for that.
	minDuration = time.Millisecond
)

// Validate returns an error that names the first field with a value that is not allowed.
// [NewMonitor] uses the default in place of such a value, and the longest window in place
// of one that is too long.
func (c Config) Validate() error {
	for _, t := range []struct {
		name  string
		value float64
	}{
		{"Utilization", c.Thresholds.Utilization}, {"DropRate", c.Thresholds.DropRate}, {"ErrorRate", c.Thresholds.ErrorRate},
	} {
		if !(t.value >= 0 && t.value <= 1) { // NaN is neither
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

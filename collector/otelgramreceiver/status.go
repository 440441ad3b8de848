package otelgramreceiver

import (
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
)

// status tells the Collector when the next consumer has refused a batch at every attempt,
// and when it takes data again. Processors report at the same time. One of them tells the
// Collector, and the others do not wait for it.
type status struct {
	failing atomic.Pointer[error] // the error to tell; nil: all is well
	telling atomic.Bool
	told    *error // what was told last; belongs to the goroutine that has set telling
}

// report takes note of an outcome. What is refused for good says something only about that
// data, and what is refused at the end says nothing: both leave the status as it is.
func (s *status) report(host component.Host, o *outcome) {
	switch failing := s.failing.Load(); {
	case o.reason == refusedForNow && failing == nil:
		s.failing.CompareAndSwap(nil, &o.err)
	case o.err == nil && failing != nil:
		s.failing.CompareAndSwap(failing, nil)
	default:
		return
	}
	s.tell(host)
}

// tell reports until the Collector was told the current status.
func (s *status) tell(host component.Host) {
	for s.telling.CompareAndSwap(false, true) {
		failing := s.failing.Load()
		if failing != s.told {
			s.told = failing
			event := componentstatus.NewEvent(componentstatus.StatusOK)
			if failing != nil {
				event = componentstatus.NewRecoverableErrorEvent(*failing)
			}
			componentstatus.ReportStatus(host, event)
		}
		s.telling.Store(false)
		if s.failing.Load() == failing {
			return
		}
	}
}

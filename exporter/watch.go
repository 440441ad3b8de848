package exporter

import (
	"fmt"
	"strings"
	"time"

	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/internal/latency"
	"github.com/otelgram/otelgram/wire"
)

const (
	// sampleEvery is how often the exporter looks at itself.
	sampleEvery = time.Second
	// staleAfter is the age at which a report counts as old.
	staleAfter = 5 * time.Second
)

// Health returns whether telemetry flows. The report is as of the last second, or says that
// it is older. [health.Handler] serves it.
func (e *Exporter) Health() health.Report {
	r := e.monitor.Report()
	select {
	case <-e.watching.done: // the exporter was shut down, and this is the last report
		return r
	default:
		return aged(r, time.Since(r.Time))
	}
}

// HealthHistory returns what the exporter went through in the last ten minutes, a row a
// second. [health.Handler] serves it to its page.
func (e *Exporter) HealthHistory() health.History { return e.monitor.History() }

var _ health.HistorySource = (*Exporter)(nil)

// aged returns a report that is so old. After staleAfter it is no better than degraded:
// what was well then need not be so now.
func aged(r health.Report, age time.Duration) health.Report {
	if age <= staleAfter {
		return r
	}
	r.Status = min(r.Status, health.Degraded)
	r.Issues = append(r.Issues, fmt.Sprintf("the exporter has not looked at itself for %v: something holds it up", age.Round(time.Second)))
	return r
}

// watch observes the exporter once a second, and once more when it is to end: the pipeline is
// closed by then. It is not on the path of the data.
func (e *Exporter) watch() {
	defer close(e.watching.done)
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			e.observe(time.Now(), false)
		case <-e.watching.stop:
			e.observe(time.Now(), true)
			return
		}
	}
}

// observe gives the monitor a sample of the exporter, which may be closed by now.
func (e *Exporter) observe(now time.Time, closed bool) {
	s := e.sample(now, e.latencies())
	s.Closed = closed
	e.monitor.Observe(s)
}

// latencySeen is what had been counted of the latencies at the last sample.
type latencySeen struct{ buffer, send, endToEnd latency.Counts }

// latencies records the latencies of the packets sent since the last sample, and returns
// their quantiles.
func (e *Exporter) latencies() health.Latency {
	l := e.pipeline.Latencies()
	buffer, send, endToEnd := l.Buffer.Since(&e.seen.buffer), l.Send.Since(&e.seen.send), l.EndToEnd.Since(&e.seen.endToEnd)
	e.self.latencies(&buffer, &send, &endToEnd)
	milliseconds := func(percent uint64) float64 {
		return float64(endToEnd.Percentile(percent)) / float64(time.Millisecond)
	}
	return health.Latency{P50: milliseconds(50), P99: milliseconds(99)}
}

// sample returns what the monitor is to know.
func (e *Exporter) sample(now time.Time, latency health.Latency) health.Sample {
	s := e.pipeline.Stats()
	sample := health.Sample{
		Time: now,
		Points: health.Points{
			Offered: s.Offered, Sent: s.Sent, Queued: s.Queued, Capacity: uint64(s.Capacity),
		},
		Exports:            s.Exports,
		Dropped:            make([]health.Dropped, 0, wire.DropReasons),
		Packets:            health.Packets{Sent: s.Packets, Bytes: s.Bytes, Refused: s.SendErrors},
		ConnectionsRefused: s.ConnectionsRefused,
		Latency:            latency,
		// Callers that wait fill the point queue on purpose, so it is left out.
		Utilization: s.EventUse,
		Circuit:     s.Circuit.String(), Endpoint: e.config.endpoint, Address: s.Address, DialError: s.DialError, PacketSize: s.PacketSize,
		LastSend: s.LastSend, CardinalityOverflow: e.directPath.overflowed(), BudgetReached: s.BudgetReached,
	}
	for i, n := range s.Dropped {
		sample.Points.Dropped += n
		r := wire.DropReason(i)
		sample.Dropped = append(sample.Dropped, health.Dropped{
			Reason: r.String(), Points: n, Leaving: r.Stage() == wire.Leaving,
			Remedy: strings.ReplaceAll(r.Remedy(), "`", ""), // it is Markdown
		})
	}
	return sample
}

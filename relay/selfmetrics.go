package relay

import (
	"strconv"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelgram/otelgram/internal/selfmetrics"
)

// scopeName is the instrumentation scope of the relay's own metrics.
const scopeName = "github.com/otelgram/otelgram/relay"

// relays numbers the relays of the process.
var relays atomic.Int64

// view is what a collection sees of the relay.
type view struct {
	Stats
	reasons *[len(reasons)]metric.ObserveOption
}

// instruments are the relay's own instruments, which read the books. Reasons that never
// occurred are not observed.
var instruments = []selfmetrics.Instrument[view]{
	{Name: "stats.relay.offered", Unit: "{data_point}", Description: "Points that the relay was given.",
		Value: func(v *view) int64 { return int64(v.Offered) }},
	{Name: "stats.relay.relayed", Unit: "{data_point}", Description: "Points that the next exporter took.",
		Value: func(v *view) int64 { return int64(v.Relayed) }},
	{Name: "stats.relay.failed", Unit: "{data_point}", Description: "Points that the next exporter returned an error for, the last time they were tried.",
		Value: func(v *view) int64 { return int64(v.Failed) }},
	{Name: "stats.relay.dropped", Unit: "{data_point}", Description: "Points that the relay dropped, by reason.",
		Each: func(v *view, observe selfmetrics.Observe) {
			for i, reason := range reasons {
				if n := reason.read(&v.Dropped); n > 0 {
					observe(int64(n), v.reasons[i])
				}
			}
		}},
	{Name: "stats.relay.queued", Unit: "{data_point}", Description: "Points that wait or are being exported.", Kind: selfmetrics.Gauge,
		Value: func(v *view) int64 { return int64(v.Queued) }},
	{Name: "stats.relay.memory", Unit: "By", Description: "Memory that queued points take, about.", Kind: selfmetrics.Gauge,
		Value: func(v *view) int64 { return v.Memory }},
	{Name: "stats.relay.requests", Unit: "{request}", Description: "Calls of the next exporter.",
		Value: func(v *view) int64 { return int64(v.Requests) }},
	{Name: "stats.relay.retries", Unit: "{request}", Description: "Calls of the next exporter with points that had failed before.",
		Value: func(v *view) int64 { return int64(v.Retries) }},
}

// startSelfMetrics makes the relay's own instruments, which read the books when somebody
// collects.
func (r *Relay) startSelfMetrics() *selfmetrics.Set {
	name := attribute.String("otel.component.name", scopeName+".Relay/"+strconv.FormatInt(relays.Add(1)-1, 10))
	var sets [len(reasons)]metric.ObserveOption
	for i, reason := range reasons {
		sets[i] = metric.WithAttributeSet(attribute.NewSet(name, attribute.String("reason", reason.name)))
	}
	own := metric.WithAttributeSet(attribute.NewSet(name))
	return selfmetrics.Start(selfmetrics.Meter(r.config.meterProvider, scopeName), instruments, own, func() view { return view{r.Stats(), &sets} })
}

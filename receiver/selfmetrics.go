package receiver

import (
	"net"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelgram/otelgram/internal/selfmetrics"
)

// scopeName is the instrumentation scope of the receiver's own metrics.
const scopeName = "github.com/otelgram/otelgram/receiver"

// view is what a collection sees of the receiver.
type view struct {
	Stats
	sessions int
	causes   map[string]metric.ObserveOption
}

// instruments are the receiver's own instruments, which read the books.
var instruments = []selfmetrics.Instrument[view]{
	{Name: "stats.receiver.packets", Unit: "{packet}", Description: "Packets received for the first time, reports included.",
		Value: func(v *view) int64 { return int64(v.Packets.Received) }},
	{Name: "stats.receiver.points", Unit: "{data_point}", Description: "Points received for the first time.",
		Value: func(v *view) int64 { return int64(v.Points.Received) }},
	{Name: "stats.receiver.delivered", Unit: "{data_point}", Description: "Points given to the handler.",
		Value: func(v *view) int64 { return int64(v.Points.Delivered) }},
	{Name: "stats.receiver.lost", Unit: "{data_point}", Description: "Points sent that are missing for a second or more; one that comes later is taken off.", Kind: selfmetrics.Gauge,
		Value: func(v *view) int64 { return int64(v.Points.Lost) }},
	{Name: "stats.receiver.duplicate", Unit: "{data_point}", Description: "Points that arrived again.",
		Value: func(v *view) int64 { return int64(v.Points.Duplicate) }},
	{Name: "stats.receiver.late", Unit: "{data_point}", Description: "Points that arrived too late to tell whether again.",
		Value: func(v *view) int64 { return int64(v.Points.Late) }},
	{Name: "stats.receiver.overrun", Unit: "{data_point}", Description: "Points that had no place in the queue of the handler.",
		Value: func(v *view) int64 { return int64(v.Points.Overrun) }},
	{Name: "stats.receiver.rejected", Unit: "{packet}", Description: "Packets that were not taken, by cause.",
		Each: func(v *view, observe selfmetrics.Observe) {
			for cause, n := range v.Rejected.byName() {
				observe(int64(n), v.causes[cause])
			}
		}},
	{Name: "stats.receiver.kernel.drops", Unit: "{packet}", Description: "Packets that the kernel dropped at the socket.",
		Value: func(v *view) int64 { return int64(v.KernelDrops) }},
	{Name: "stats.receiver.queued", Unit: "{packet}", Description: "Packets that wait to be decoded.", Kind: selfmetrics.Gauge,
		Value: func(v *view) int64 { return int64(v.Queued) }},
	{Name: "stats.receiver.clones", Unit: "{session}", Description: "Sessions that sent the numbers of another again: of a machine that was copied or put back.",
		Value: func(v *view) int64 { return int64(v.Clones) }},
	{Name: "stats.receiver.sessions", Unit: "{session}", Description: "Sessions heard of in the last ten minutes.", Kind: selfmetrics.Gauge,
		Value: func(v *view) int64 { return int64(v.sessions) }},
}

// startSelfMetrics makes the receiver's own instruments, which read the books when somebody
// collects. Their attributes are the receiver's address, which tells the receivers of a
// process apart.
func (r *Receiver) startSelfMetrics() *selfmetrics.Set {
	local := localAddress(r.Addr())
	causes := map[string]metric.ObserveOption{}
	for cause := range (&Rejected{}).byName() {
		causes[cause] = metric.WithAttributeSet(attribute.NewSet(append(local, attribute.String("cause", cause))...))
	}
	own := metric.WithAttributeSet(attribute.NewSet(local...))
	return selfmetrics.Start(selfmetrics.Meter(r.config.meterProvider, scopeName), instruments, own, func() view {
		v := view{Stats: r.totals(), causes: causes}
		r.mu.Lock()
		defer r.mu.Unlock()
		v.sessions = r.table.len()
		return v
	})
}

// localAddress names a receiver's address as OpenTelemetry's semantic conventions do: by
// address and port, or by the path of a Unix socket.
func localAddress(a net.Addr) []attribute.KeyValue {
	if u, ok := a.(*net.UDPAddr); ok {
		return []attribute.KeyValue{
			attribute.String("network.local.address", u.AddrPort().Addr().Unmap().String()),
			attribute.Int("network.local.port", u.Port),
		}
	}
	return []attribute.KeyValue{attribute.String("network.local.address", a.String())}
}

// byName returns the causes as the self-metrics name them.
func (r *Rejected) byName() map[string]uint64 {
	return map[string]uint64{
		"foreign_source": r.ForeignSource, "too_long": r.TooLong, "too_short": r.TooShort, "unknown_version": r.UnknownVersion, "unknown_flag": r.UnknownFlag,
		"bad_checksum": r.BadChecksum, "malformed": r.Malformed, "over_budget": r.OverBudget, "incomplete": r.Incomplete,
	}
}

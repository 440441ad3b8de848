package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	datadog "github.com/DataDog/datadog-go/v5/statsd"
	"github.com/VictoriaMetrics/metrics"
	cactus "github.com/cactus/go-statsd-client/v5/statsd"
	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/otelgram/otelgram/internal/workload"
	"github.com/otelgram/otelgram/wire"
)

// joined makes packets of lines, as large as they may be.
type joined struct {
	packet []byte
	use    func(packet []byte)
}

// Send takes a line.
func (j *joined) Send(line []byte) (int, error) {
	if len(j.packet)+len(line)+1 > textPacket {
		j.flush()
	}
	j.packet = append(append(j.packet, line...), '\n')
	return len(line), nil
}

func (j *joined) flush() {
	j.use(j.packet)
	j.packet = j.packet[:0]
}

// Close does nothing.
func (j *joined) Close() error { return nil }

// cactusClient is calls of cactus' client of StatsD, which gives its lines to joined.
type cactusClient struct {
	joined
	client cactus.ExtendedStatSender
	calls  []cactusCall
	gauges bool
}

type cactusCall struct {
	name  string
	value float64
	tags  []cactus.Tag
}

func newCactus(points *textPoints) (*cactusClient, error) {
	c := &cactusClient{gauges: points.kind == wire.Gauge}
	c.packet = make([]byte, 0, textPacket)
	for i := range points.counters {
		p := &points.counters[i]
		var tags []cactus.Tag
		for _, a := range points.tags(p) {
			tags = append(tags, cactus.Tag{a.Key, a.Value})
		}
		switch points.kind {
		case wire.Sum:
			c.calls = append(c.calls, cactusCall{p.Name, 1, tags})
		case wire.Gauge:
			c.calls = append(c.calls, cactusCall{p.Name, gauge(p), tags})
		default:
			c.calls = append(c.calls, cactusCall{p.Name + ".count", float64(len(textValues)), tags}, cactusCall{p.Name + ".sum", math.Trunc(textSum), tags})
			for j := range textValues {
				c.calls = append(c.calls, cactusCall{p.Name + ".bucket", float64(j + 1), append(tags[:len(tags):len(tags)], cactus.Tag{"le", upTo(j)})})
			}
		}
	}
	client, err := cactus.NewClientWithSender(c, "", cactus.InfixComma)
	if err != nil {
		return nil, err
	}
	c.client = client.(cactus.ExtendedStatSender)
	return c, nil
}

// upTo returns the bound of a bucket as text.
func upTo(bucket int) string {
	if bucket == len(textBounds) {
		return "+Inf"
	}
	return fmt.Sprint(textBounds[bucket])
}

func (c *cactusClient) print(use func(packet []byte)) (err error) {
	c.use = use
	for i := range c.calls {
		call := &c.calls[i]
		if c.gauges {
			err = c.client.GaugeFloat(call.name, call.value, 1, call.tags...)
		} else {
			err = c.client.Inc(call.name, int64(call.value), 1, call.tags...)
		}
		if err != nil {
			return err
		}
	}
	c.flush()
	return nil
}

func (c *cactusClient) rest() error {
	for i := range c.calls {
		if c.gauges {
			c.calls[i].value++
		}
	}
	return nil
}

func (c *cactusClient) end() error { return nil }

// datadogClient is calls of Datadog's client, without aggregation, and a goroutine of it
// that gives the packets to use.
type datadogClient struct {
	client *datadog.Client
	kind   wire.Kind
	calls  []datadogCall
	use    func(packet []byte)
}

type datadogCall struct {
	name  string
	value float64
	tags  []string
}

func newDatadog(points *textPoints) (*datadogClient, error) {
	d := &datadogClient{kind: points.kind}
	for i := range points.counters {
		p := &points.counters[i]
		var tags []string
		for _, a := range points.tags(p) {
			tags = append(tags, a.Key+":"+a.Value)
		}
		values := []float64{1}
		switch points.kind {
		case wire.Gauge:
			values[0] = gauge(p)
		case wire.Histogram:
			values = textValues
		}
		for _, v := range values {
			d.calls = append(d.calls, datadogCall{p.Name, v, tags})
		}
	}
	const queued = 8192 // packets: more than a pass has
	var err error
	d.client, err = datadog.NewWithWriter(d, datadog.WithoutClientSideAggregation(), datadog.WithoutTelemetry(), datadog.WithoutOriginDetection(),
		datadog.WithWorkersCount(1), datadog.WithMaxBytesPerPayload(textPacket), datadog.WithBufferFlushInterval(time.Hour),
		datadog.WithSenderQueueSize(queued), datadog.WithBufferPoolSize(queued))
	return d, err
}

func (d *datadogClient) print(use func(packet []byte)) (err error) {
	d.use = use
	for i := range d.calls {
		c := &d.calls[i]
		switch d.kind {
		case wire.Sum:
			err = d.client.Count(c.name, int64(c.value), c.tags, 1)
		case wire.Gauge:
			err = d.client.Gauge(c.name, c.value, c.tags, 1)
		default:
			err = d.client.Histogram(c.name, c.value, c.tags, 1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Write is called by the client's goroutine.
func (d *datadogClient) Write(packet []byte) (int, error) {
	if d.use != nil {
		d.use(packet)
	}
	return len(packet), nil
}

// Close does nothing.
func (d *datadogClient) Close() error { return nil }

// rest waits for what the goroutine has to do.
func (d *datadogClient) rest() error {
	for i := range d.calls {
		if d.kind == wire.Gauge {
			d.calls[i].value++
		}
	}
	return d.client.Flush()
}

func (d *datadogClient) end() error {
	d.use = nil
	return d.client.Close()
}

// protocolEncoder is InfluxData's encoder of lines. It does not check what it writes.
type protocolEncoder struct {
	encoder lineprotocol.Encoder
	buffer  []byte
	lines   []protocolLine
}

type protocolLine struct {
	name   string
	tags   []workload.Attribute
	fields []protocolField
}

// protocolField is a field, and by how much it grows.
type protocolField struct {
	name    string
	integer bool
	value   float64
	growth  float64
}

func newProtocol(points *textPoints) *protocolEncoder {
	e := &protocolEncoder{buffer: make([]byte, 0, 2*textPacket)}
	e.encoder.SetLax(true)
	for i := range points.counters {
		p := &points.counters[i]
		l := protocolLine{name: p.Name, tags: points.tags(p)}
		switch points.kind {
		case wire.Sum:
			l.fields = []protocolField{{"value", true, float64(p.Value), 1}}
		case wire.Gauge:
			l.fields = []protocolField{{"value", false, gauge(p), 1}}
		default:
			n := float64(len(textValues))
			l.fields = []protocolField{{"count", true, n, n}, {"sum", false, textSum, textSum}, {"min", false, leastValue, 0}, {"max", false, mostValue, 0}}
		}
		e.lines = append(e.lines, l)
		if points.kind != wire.Histogram {
			continue
		}
		for j := range textValues {
			n := float64(j + 1)
			tags := append(l.tags[:len(l.tags):len(l.tags)], workload.Attribute{Key: "le", Value: upTo(j)})
			e.lines = append(e.lines, protocolLine{p.Name, tags, []protocolField{{"bucket", true, n, n}}})
		}
	}
	return e
}

var exported = time.Unix(0, workload.Exported)

func (e *protocolEncoder) print(use func(packet []byte)) error {
	e.encoder.SetBuffer(e.buffer)
	for i := range e.lines {
		before := len(e.encoder.Bytes())
		e.line(&e.lines[i])
		if b := e.encoder.Bytes(); len(b) > textPacket {
			use(b[:before])
			if err := e.encoder.Err(); err != nil {
				return err
			}
			e.encoder.SetBuffer(b[:copy(b, b[before:])])
		}
	}
	use(e.encoder.Bytes())
	return e.encoder.Err()
}

func (e *protocolEncoder) line(l *protocolLine) {
	e.encoder.StartLine(l.name)
	for i := range l.tags {
		e.encoder.AddTag(l.tags[i].Key, l.tags[i].Value)
	}
	for i := range l.fields {
		f := &l.fields[i]
		v := lineprotocol.IntValue(int64(f.value))
		if !f.integer {
			v, _ = lineprotocol.FloatValue(f.value) // which is finite
		}
		e.encoder.AddField(f.name, v)
	}
	e.encoder.EndLine(exported)
}

func (e *protocolEncoder) rest() error {
	for i := range e.lines {
		for j := range e.lines[i].fields {
			f := &e.lines[i].fields[j]
			f.value += f.growth
		}
	}
	return nil
}

func (e *protocolEncoder) end() error { return nil }

// victoriaText is what VictoriaMetrics' client prints of its series, all at once.
type victoriaText struct {
	set  *metrics.Set
	grow []func()
}

func newVictoriaText(points *textPoints) *victoriaText {
	v := &victoriaText{set: metrics.NewSet()}
	for i := range points.counters {
		p := &points.counters[i]
		var labels []string
		for _, a := range points.tags(p) {
			labels = append(labels, fmt.Sprintf("%s=%q", strings.ReplaceAll(a.Key, ".", "_"), a.Value))
		}
		name := strings.ReplaceAll(p.Name, ".", "_") + "{" + strings.Join(labels, ",") + "}"
		switch points.kind {
		case wire.Sum:
			c := v.set.NewCounter(name)
			c.Set(uint64(p.Value))
			v.grow = append(v.grow, c.Inc)
		case wire.Gauge:
			g := v.set.NewGauge(name, nil)
			g.Set(gauge(p))
			v.grow = append(v.grow, func() { g.Add(1) })
		default:
			h := v.set.NewPrometheusHistogramExt(name, textBounds)
			v.grow = append(v.grow, func() {
				for _, value := range textValues {
					h.Update(value)
				}
			})
		}
	}
	return v
}

func (v *victoriaText) print(use func(packet []byte)) error {
	v.set.WritePrometheus(packetWriter(use))
	return nil
}

func (v *victoriaText) rest() error {
	for _, grow := range v.grow {
		grow()
	}
	return nil
}

func (v *victoriaText) end() error { return nil }

// packetWriter takes what is written at once for a packet.
type packetWriter func(packet []byte)

func (w packetWriter) Write(packet []byte) (int, error) {
	w(packet)
	return len(packet), nil
}

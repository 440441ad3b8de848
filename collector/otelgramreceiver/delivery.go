package otelgramreceiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/cenkalti/backoff/v7"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	collectorreceiver "go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
)

// format is the name of the data in the Collector's own telemetry.
const format = "otelgram"

// The reasons why points were refused, as the telemetry names them.
const (
	refusedForGood  = "permanent"
	refusedForNow   = "temporary" // and there was no other attempt
	refusedShutdown = "shutdown"
	refusedInvalid  = "invalid" // nobody can have measured the point
)

var (
	errStopped = errors.New("otelgram: the receiver has stopped")
	errExited  = errors.New("otelgram: the next consumer has exited the goroutine")
)

// delivery hands batches over to the next consumer, for all processors.
type delivery struct {
	next  consumer.Metrics
	retry configretry.BackOffConfig
	obs   *receiverhelper.ObsReport
	self  *telemetry

	// running ends when nothing may be handed over any more. trying ends when nothing that
	// was refused is tried again.
	running, trying      context.Context
	stop, stopToTryAgain context.CancelFunc

	host   component.Host
	status status
}

func newDelivery(set collectorreceiver.Settings, c *Config, next consumer.Metrics, self *telemetry) (*delivery, error) {
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: set.ID, Transport: c.Transport, LongLivedCtx: true, ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, err
	}
	d := &delivery{next: next, retry: c.Retry, obs: obs, self: self}
	d.running, d.stop = context.WithCancel(context.Background())
	d.trying, d.stopToTryAgain = context.WithCancel(d.running)
	return d, nil
}

func (d *delivery) start(host component.Host) { d.host = host }

// deliver hands a batch over, and counts its points as accepted or refused. If the next
// consumer exits the goroutine, they count as refused.
func (d *delivery) deliver(b *batch) {
	if b.invalid > 0 {
		d.self.invalid(b.invalid)
	}
	if b.points == 0 {
		return
	}
	ctx := d.running
	if b.source.IsValid() {
		ctx = client.NewContext(ctx, client.Info{Addr: net.UDPAddrFromAddrPort(b.source)})
	}
	ctx = d.obs.StartMetricsOp(ctx)
	o := outcome{b.points, refusedForGood, errExited}
	defer func() {
		d.self.delivered(b.points-o.refused, o.refused, o.reason, b.corrected, time.Since(b.arrived))
		d.obs.EndMetricsOp(ctx, format, b.points, o.err)
		d.status.report(d.host, &o)
	}()
	o = d.consume(ctx, b.metrics, b.points)
}

// outcome is what became of a batch: how many of its points were refused, and why.
type outcome struct {
	refused int
	reason  string
	err     error
}

// consume calls the next consumer until that has taken the points or refuses them for good,
// or until there is no time for another attempt.
func (d *delivery) consume(ctx context.Context, metrics pmetric.Metrics, points int) outcome {
	var pause *backoff.ExponentialBackOff
	var since time.Time
	for {
		if d.running.Err() != nil {
			return outcome{points, refusedShutdown, errStopped}
		}
		err := d.next.ConsumeMetrics(ctx, metrics)
		if err == nil {
			return outcome{}
		}
		// The consumer may have taken a part. Then the error says which part it has not
		// taken.
		var rest consumererror.Metrics
		if errors.As(err, &rest) {
			metrics, points = rest.Data(), min(points, rest.Data().DataPointCount())
		}
		switch {
		case consumererror.IsPermanent(err):
			return outcome{points, refusedForGood, err}
		case d.trying.Err() != nil:
			return outcome{points, refusedShutdown, err}
		case !d.retry.Enabled:
			return outcome{points, refusedForNow, err}
		}
		if pause == nil {
			pause, since = d.newBackOff(), time.Now()
		}
		wait := pause.NextBackOff()
		if time.Since(since)+wait > d.retry.MaxElapsedTime {
			return outcome{points, refusedForNow, fmt.Errorf("tried for %v: %w", d.retry.MaxElapsedTime, err)}
		}
		d.self.retried()
		d.sleep(wait)
	}
}

func (d *delivery) newBackOff() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: d.retry.InitialInterval, RandomizationFactor: d.retry.RandomizationFactor,
		Multiplier: d.retry.Multiplier, MaxInterval: d.retry.MaxInterval,
	}
}

// sleep waits, but not beyond the end of trying.
func (d *delivery) sleep(wait time.Duration) {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-d.trying.Done():
	}
}

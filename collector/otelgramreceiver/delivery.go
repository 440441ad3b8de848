package otelgramreceiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v7"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	collectorreceiver "go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
)

// format is what the Collector's own telemetry calls the data that came.
const format = "otelgram"

// Why points were refused, as the telemetry says it.
const (
	refusedPermanent = "permanent"
	refusedExhausted = "retries_exhausted"
	refusedShutdown  = "shutdown"
)

var errStopped = errors.New("otelgram: the receiver has stopped")

// delivery hands batches over to the next consumer, for all processors at once.
type delivery struct {
	next  consumer.Metrics
	retry configretry.BackOffConfig
	obs   *receiverhelper.ObsReport
	self  *telemetry

	running context.Context // ends when nothing may be handed over any more
	stop    context.CancelFunc

	host component.Host
	// failing is what was reported of the component last: that the next consumer refuses.
	failing atomic.Bool
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
	return d, nil
}

func (d *delivery) start(host component.Host) { d.host = host }

// deliver hands a batch over, and counts its points as accepted or refused.
func (d *delivery) deliver(b *batch) {
	ctx := d.running
	if b.source.IsValid() {
		ctx = client.NewContext(ctx, client.Info{Addr: net.UDPAddrFromAddrPort(b.source)})
	}
	ctx = d.obs.StartMetricsOp(ctx)
	left, reason, err := d.consume(ctx, b.metrics, b.points)
	d.self.delivered(b.points-left, left, reason, b.corrected, time.Since(b.arrived))
	d.obs.EndMetricsOp(ctx, format, b.points, err)
	d.report(err)
}

// consume calls the next consumer until it has taken the points, refuses them for good or
// the retries are over. It returns how many points were refused, and why.
func (d *delivery) consume(ctx context.Context, metrics pmetric.Metrics, points int) (refused int, reason string, err error) {
	var pause *backoff.ExponentialBackOff
	var since time.Time
	for {
		if d.running.Err() != nil {
			if err == nil {
				err = errStopped
			}
			return points, refusedShutdown, err
		}
		if err = d.next.ConsumeMetrics(ctx, metrics); err == nil {
			return 0, "", nil
		}
		if consumererror.IsPermanent(err) {
			return points, refusedPermanent, err
		}
		if !d.retry.Enabled {
			return points, refusedExhausted, err
		}
		// It may have taken a part.
		var rest consumererror.Metrics
		if errors.As(err, &rest) {
			metrics, points = rest.Data(), rest.Data().DataPointCount()
		}
		if pause == nil {
			pause, since = d.newBackOff(), time.Now()
		}
		wait := pause.NextBackOff()
		if time.Since(since)+wait > d.retry.MaxElapsedTime {
			return points, refusedExhausted, fmt.Errorf("tried for %v: %w", d.retry.MaxElapsedTime, err)
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

// sleep waits, but not beyond the end of delivery.
func (d *delivery) sleep(wait time.Duration) {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-d.running.Done():
	}
}

// report tells the Collector when the next consumer begins to refuse, and when it takes
// data again.
func (d *delivery) report(err error) {
	refuses := err != nil && !errors.Is(err, errStopped)
	if d.failing.Load() == refuses || !d.failing.CompareAndSwap(!refuses, refuses) {
		return
	}
	event := componentstatus.NewEvent(componentstatus.StatusOK)
	if refuses {
		event = componentstatus.NewRecoverableErrorEvent(err)
	}
	componentstatus.ReportStatus(d.host, event)
}

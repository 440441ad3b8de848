// Package relay hands what a receiver takes over to any exporter of the OpenTelemetry SDK,
// in batches. It is for users without a Collector.
//
//	rel, err := relay.New(next) // next is an exporter of the SDK, such as otlpmetrichttp's
//	if err != nil { ... }
//	r, err := receiver.Listen("localhost:4319", rel.Handle)
//
// A receiver calls its handler at least once a datagram. The relay makes one request a
// second out of that, for each resource, and retries. [Relay.Handle] never waits for a
// request. At the end, close the receiver first and then shut the relay down:
//
//	r.Close()
//	rel.Shutdown(ctx)
//
// # Batches
//
// A batch leaves when the oldest of its points has waited for a second ([WithMaxBatchAge]),
// when 8192 points wait ([WithBatchSize]), or when the waiting points take half of the
// memory for points ([WithMaxMemory]). It has one entry for each resource, scope and
// metric, with the points in the order in which they came. Two metrics have one entry if
// all that OpenTelemetry knows of them is the same.
//
// An exporter takes one resource a call, so a batch makes as many calls of Export as it has
// resources: at most as many as it has points, whatever strangers send. One goroutine makes
// these calls, one after the other. A target that answers in 20 ms takes fifty resources a
// second; if more services send than that, set a larger batch age. A target that refuses a
// request because of one of its points refuses all points of the resource in the batch.
//
// The relay takes about 0.2 µs for a point of five attributes (go test -bench . ./relay), a
// small part of what OTLP takes. A third of it finds out what the point takes in memory.
//
// If several points of a series came within a batch, one request has all of them. Senders
// with the same resource and scope count as one sender: give each its own
// service.instance.id.
//
// # The books
//
// In points, at any moment
//
//	offered = relayed + failed + dropped + queued
//
// and nothing is queued after Shutdown. Relayed means that Export returned nil. Failed
// means that Export returned an error at the last attempt. Dropped is split by reason:
// queue_full, memory and shutdown. Offered is what the receiver's books call delivered.
//
// [Relay.Stats] returns the books, with the last error of Export. The relay's own metrics
// have them too: stats.relay.offered, .relayed, .failed, .dropped with a reason, .queued,
// .memory, .requests and .retries. They go to the provider given with [WithMeterProvider],
// by default the global one. Each has the attribute otel.component.name, which tells the
// relays of a process apart. A reason that never occurred is not observed, and after
// Shutdown nothing is.
//
// # When the target fails
//
// A failed Export is tried again for up to a minute ([WithRetry]), and each call may take
// ten seconds ([WithExportTimeout]). The log gets a line when Export begins to fail, and
// one when nothing is left that has failed. It gets a line when the target counts as down,
// and one when it is up again. There is at most one such pair a minute of each kind.
//
// Requests of other resources go on meanwhile, so that one sender's bad data does not hold
// up the others. What comes of the same resource waits behind what has failed: the points
// of a resource leave in the order in which they came. Export is still never called
// concurrently: while the target takes long over one request, all wait.
//
// When requests of three resources have failed and none has succeeded since, the target
// counts as down. Then one request is tried at a time, with pauses that grow up to ten
// seconds. Requests of resources whose data the target took before go first. Then new
// requests and failed ones take turns. After the first success all that waited leaves. An
// error that is not worth a retry ([WithRetryable]) comes from a target that answers, and
// is no sign that it is down.
//
// If every error is worth a retry, a sender of bad data in the name of many resources can
// do harm. It can make the target look as if it were down, so that the points of others are
// late by the pauses, for minutes after an outage. It can also fill the room that all
// share. A function that tells refusals from outages, as below, prevents both.
//
// A retry can deliver twice: if the target took the points and its answer got lost, they
// are sent again. Cumulative points, otelgram's default, are not harmed by that. Deltas are
// counted twice.
//
// # Memory
//
// What comes while the target fails waits: at most 65,536 points ([WithQueueSize]) in at
// most 64 MiB of memory ([WithMaxMemory]). What one call of Handle gave and finds no room
// is dropped as a whole, and counted as queue_full or as memory; if both limits are
// exceeded, as queue_full. The first limit is for the length of an outage. The second is
// for what strangers send: out of a few kilobytes a stranger could otherwise make points of
// half a megabyte each. All senders share the room.
//
// The memory is estimated from all that the data consists of: the points with their buckets
// and exemplars, attributes and what they refer to, texts, resource and scope. What one
// call of Handle has several times, such as a set that many points have or a text of 64
// bytes or more, counts once. What several calls have in common, such as their resource,
// counts for each call. The estimate is released when the points are relayed or have failed
// for good.
//
// While a batch is put together, its points are in memory twice: as they came, and in the
// batch. Both share what the points refer to. What an exporter makes of a request comes on
// top.
//
// # What an exporter must do
//
// Export must heed its context. An exporter that does not holds up what is behind it:
// Handle still never waits, the queue fills up, and Shutdown returns when its context ends,
// with the points counted as dropped. Export must not keep or change the data.
//
// An exporter, a logger or a function of [WithRetryable] that panics ends the process, as a
// panic in any goroutine does. If one of them exits its goroutine ([runtime.Goexit], as
// t.FailNow does), the points of the request count as failed. All of them may call methods
// of the relay, except ForceFlush and Shutdown, which would wait for themselves.
//
// # OTLP
//
// Turn the exporter's own retries off. Otherwise each attempt of the relay lasts for up to
// a minute of retries within the exporter, and the exporter's time limit is not the
// relay's.
//
//	otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: false})
//
// Say which errors are worth a retry. By default all are, so that what a target refuses for
// good, with status 400, is sent to it again for a minute. A target that takes a part of a
// request says so in its answer, and otlpmetrichttp and otlpmetricgrpc return that as an
// error: what the target took is sent again. The types of such errors are not exported.
// Over gRPC the status tells, since a partial success has none of these codes:
//
//	relay.WithRetryable(func(err error) bool {
//		switch status.Code(err) {
//		case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted:
//			return true
//		}
//		return false
//	})
//
// Over HTTP a RoundTripper remembers the status of the answer. Export, which is never
// called concurrently, forgets the status of the call before:
//
//	type answers struct {
//		sdkmetric.Exporter
//		transport http.RoundTripper
//		status    atomic.Int64 // 0: there was no answer
//	}
//
//	func (a *answers) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
//		a.status.Store(0)
//		return a.Exporter.Export(ctx, rm)
//	}
//
//	func (a *answers) RoundTrip(request *http.Request) (*http.Response, error) {
//		a.status.Store(0)
//		response, err := a.transport.RoundTrip(request)
//		if err == nil {
//			a.status.Store(int64(response.StatusCode))
//		}
//		return response, err
//	}
//
//	func (a *answers) retryable(error) bool {
//		switch a.status.Load() {
//		case 0, 429, 502, 503, 504:
//			return true
//		}
//		return false // refused for good, or taken in part
//	}
//
//	var err error
//	a := &answers{transport: http.DefaultTransport}
//	a.Exporter, err = otlpmetrichttp.New(ctx,
//		otlpmetrichttp.WithHTTPClient(&http.Client{Transport: a}),
//		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: false}),
//	)
//	if err != nil { ... }
//	rel, err := relay.New(a, relay.WithRetryable(a.retryable))
//
// A target may ask for a pause (Retry-After). It is in an error of a type that is not
// exported, so the relay does not heed it.
package relay

// Package relay takes what a receiver hands over to any exporter of the OpenTelemetry
// SDK, in batches: for those who have no Collector.
//
//	rel, err := relay.New(next) // next is an exporter of the SDK, such as otlpmetrichttp's
//	if err != nil { ... }
//	r, err := receiver.Listen("localhost:4319", rel.Handle)
//
// A receiver calls its handler once a datagram or more often. The relay makes one
// request a second of that, for each resource, and retries; [Relay.Handle] never waits
// for it. At the end close the receiver first and then shut the relay down:
//
//	r.Close()
//	rel.Shutdown(ctx)
//
// # Batches
//
// A batch leaves when the oldest of its points has waited for a second
// ([WithMaxBatchAge]), or when 8192 points wait ([WithBatchSize]), or points that take
// half of the memory that there is for them ([WithMaxMemory]). It has one entry for
// each resource, scope and metric, with the points in the order in which they came:
// what is the same in all that OpenTelemetry knows of it is put together. An exporter
// takes one resource a call, so that a batch makes as many calls of Export as it has
// resources: at most as many as it has points, whatever strangers send. One goroutine
// makes them, one after the other: a target that answers in 20 ms takes fifty resources
// a second, and where more services send than that a larger batch age makes up for it.
// A target that refuses a request for one of its points refuses all those of the
// resource in the batch.
//
// The relay takes about 0.2 µs a point of five attributes (go test -bench . ./relay), a
// small part of what OTLP takes. A third of it is to find out what the point takes in
// memory.
//
// A series of which several points came within a batch has all of them in one request.
// Senders that have the same resource and scope are one sender there: give each its own
// service.instance.id.
//
// # The books
//
// In points, at any moment
//
//	offered = relayed + failed + dropped + queued
//
// and nothing is queued after Shutdown. Relayed means that Export returned nil, failed
// that it returned an error the last time that it was tried. Dropped is split by
// reason: queue_full, memory and shutdown. offered is what the receiver's books call
// delivered. [Relay.Stats] has them, with the last error of Export. So do the relay's own
// metrics, stats.relay.offered, .relayed, .failed, .dropped with a reason, .queued,
// .memory, .requests and .retries, on the provider that [WithMeterProvider] names; the
// global one by default. Each has the attribute otel.component.name, which tells the
// relays of a process apart. A reason that never occurred is not observed, and after
// Shutdown nothing is.
//
// # When the target fails
//
// An Export that fails is tried again for up to a minute ([WithRetry]), and each call
// has ten seconds ([WithExportTimeout]). The log gets a line when Export begins to fail
// and one when nothing is left that has failed, and a line when the target counts as down
// and one when it is up again: one pair a minute at most of each.
//
// Requests of other resources go on meanwhile, so that one sender's bad data does not
// hold up the others. What comes of the same resource waits behind what has failed: the
// points of a resource leave in the order in which they came. Export is still never
// called concurrently: a request that the target takes long to refuse takes its time
// from all.
//
// When requests of three resources have failed and none has succeeded since, the target
// counts as down. Then one request is tried at a time, with pauses that grow up to ten
// seconds: those first of whose resource the target took the data before, and then in
// turns what was not tried yet and what has failed. With the first success all that
// waited leaves. An error that is not worth another try ([WithRetryable]) comes from a
// target that answers, and is no sign that it is down.
//
// Where every error is worth another try, somebody who sends bad data in the name of
// many resources can make the target look as if it were down, and the points of others
// late by the pauses, for minutes after an outage, and can fill the room that all share.
// A function that tells refusals from outages, as below, prevents it.
//
// A retry can deliver twice: where the target took the points and its answer got lost,
// they are sent again. Cumulative points, otelgram's default, bear that; deltas are
// counted twice.
//
// # Memory
//
// What comes while the target fails waits: at most 65,536 points ([WithQueueSize]) in at
// most 64 MiB of memory ([WithMaxMemory]). What finds no room is dropped, as a whole as
// Handle was given it, and counted as queue_full or as memory; where there is room for
// neither it is queue_full. The two bounds are for two things: the first for how long an
// outage lasts, the second for what strangers send, of whom one could else make points
// of half a megabyte each out of a few kilobytes. All senders share the room.
//
// The memory is estimated from all that the data consists of: the points with their
// buckets and exemplars, attributes and what they refer to, texts, resource and scope.
// What one call of Handle has several times, such as a set that many points have or a text
// of 64 bytes or more, counts once; what the calls have in common, such as their resource,
// counts for each. The estimate is released when the points are relayed or have failed for
// good. While a batch is put together the points are there once as they came and once in
// it; they share what they refer to. What an exporter makes of a request comes on top of
// it.
//
// # What an exporter must do
//
// Export has to heed its context. One that does not holds up what is behind it for as
// long as it takes: Handle still never waits, the queue fills up, and Shutdown returns
// with its context, with the points counted as dropped. Export must not keep or change
// the data. An exporter, a logger or a function of [WithRetryable] that panics ends the
// process, like any goroutine. One that exits its goroutine ([runtime.Goexit], as
// t.FailNow does) costs the request, whose points count as failed. All of them may call
// the relay back, but for ForceFlush and Shutdown, which would wait for themselves.
//
// # OTLP
//
// Turn the exporter's own retries off: they last for up to a minute within each of the
// relay's, and their time limit is not the relay's.
//
//	otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: false})
//
// Say which errors are worth another try. By default all are, so that what a target
// refuses for good, with status 400, is sent to it again for a minute. A target that takes
// a part of a request says so in its answer, which otlpmetrichttp and otlpmetricgrpc
// return as an error: what it took is sent again. Their types for such errors are not
// exported. Over gRPC the status tells, a partial success having none of these codes:
//
//	relay.WithRetryable(func(err error) bool {
//		switch status.Code(err) {
//		case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted:
//			return true
//		}
//		return false
//	})
//
// Over HTTP a RoundTripper remembers the status of the answer, and Export, which is never
// called concurrently, forgets that of the call before:
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
// A pause that the target asks for (Retry-After) is in errors that are not exported,
// too, and not heeded.
package relay

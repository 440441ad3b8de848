// Package selfmetrics publishes what the exporter, the receiver and the relay count about
// themselves as OpenTelemetry instruments. The instruments read counters when somebody
// collects: nothing is written where points are recorded, received or relayed.
//
// It owns the registration with the meter provider, which belongs to somebody else: it may
// wait for other people's callbacks, and may call back. No lock is held while it is called.
package selfmetrics

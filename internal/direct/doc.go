// Package direct is the direct path's side of the OpenTelemetry API: a complete
// metric.MeterProvider whose instruments push each measurement into the
// pipeline's direct lane and return.
package direct

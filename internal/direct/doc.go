// Package direct is the OpenTelemetry API without the SDK: a provider whose instruments
// aggregate each measurement where it is made, see package aggregate, and whose collector
// runs callbacks and hands a point of each series to the pipeline, once an interval.
package direct

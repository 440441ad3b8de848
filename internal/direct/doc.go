// Package direct is the OpenTelemetry API without the SDK. The instruments of its provider
// aggregate each measurement where it is made, see package aggregate. Once an interval its
// collector runs the callbacks and hands a point of each series to the pipeline.
package direct

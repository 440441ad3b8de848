package main

import (
	"context"
	"fmt"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// sdk is OpenTelemetry's own way to aggregate.
type sdk struct {
	*instruments
	provider *sdkmetric.MeterProvider
	reader   *sdkmetric.ManualReader
	recorded int
}

func newSDK(series int, opts ...sdkmetric.ManualReaderOption) (*sdk, error) {
	s := &sdk{reader: sdkmetric.NewManualReader(opts...)}
	s.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader))
	var err error
	s.instruments, err = newInstruments(s.provider, series)
	return s, err
}

func (s *sdk) subject(name string, record func(first, calls int)) subject {
	return subject{name: name, record: record, settled: s.settled, end: nothing}
}

func (s *sdk) settled(c *cost) error {
	s.recorded += c.points
	return nil
}

// set is settled for gauges, whose measurements are not counted.
func (s *sdk) set(*cost) error { return nil }

// end wants the reader to know every measurement.
func (s *sdk) end() error {
	var rm metricdata.ResourceMetrics
	if err := s.reader.Collect(context.Background(), &rm); err != nil {
		return err
	}
	known := map[series]float64{}
	keepAll(known, &rm)
	if total := sum(known); total != float64(s.recorded) {
		return fmt.Errorf("%.0f collected of %d recorded", total, s.recorded)
	}
	return s.provider.Shutdown(context.Background())
}

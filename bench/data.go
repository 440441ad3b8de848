package main

import (
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

var (
	startTime = time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	pointTime = startTime.Add(90*time.Minute + 123456*time.Nanosecond)
	methods   = [...]string{"GET", "POST", "PUT", "DELETE"}
	statuses  = [...]string{"200", "201", "404", "500"}
)

// counters makes so many counters, each with so many series of three
// attributes. Counters of one series have their own attributes each; others
// share theirs.
func counters(instruments, series int) *metricdata.ResourceMetrics {
	scope := metricdata.ScopeMetrics{Scope: instrumentation.Scope{Name: "example.com/shop", Version: "1.4.0"}}
	for i := range instruments {
		points := make([]metricdata.DataPoint[int64], series)
		for j := range points {
			set := j
			if series == 1 {
				set = i
			}
			points[j] = metricdata.DataPoint[int64]{
				Attributes: attributesOf(set), StartTime: startTime, Time: pointTime, Value: int64(1000 + 7*set),
			}
		}
		scope.Metrics = append(scope.Metrics, metricdata.Metrics{
			Name: fmt.Sprintf("http.server.request.count.%d", i), Unit: "{request}",
			Data: metricdata.Sum[int64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true},
		})
	}
	return &metricdata.ResourceMetrics{Resource: serviceResource(), ScopeMetrics: []metricdata.ScopeMetrics{scope}}
}

func attributesOf(i int) attribute.Set {
	return attribute.NewSet(
		attribute.String("http.request.method", methods[i%len(methods)]),
		attribute.String("http.route", fmt.Sprintf("/api/v1/r%d", i/(len(methods)*len(statuses)))),
		attribute.String("http.response.status_code", statuses[i/len(methods)%len(statuses)]),
	)
}

// serviceResource has the eight attributes that an ordinary service has.
func serviceResource() *resource.Resource {
	return resource.NewSchemaless(
		attribute.String("service.name", "checkout"),
		attribute.String("service.namespace", "shop"),
		attribute.String("service.version", "1.4.0"),
		attribute.String("service.instance.id", "627cc493-f310-47de-96bd-71410b7dec09"),
		attribute.String("host.name", "ip-10-0-12-34.eu-central-1.compute.internal"),
		attribute.String("telemetry.sdk.name", "opentelemetry"),
		attribute.String("telemetry.sdk.language", "go"),
		attribute.String("telemetry.sdk.version", "1.47.0"),
	)
}

// pointsOf returns the points of a metric that counters made.
func pointsOf(m *metricdata.Metrics) []metricdata.DataPoint[int64] {
	sum, _ := m.Data.(metricdata.Sum[int64])
	return sum.DataPoints
}

// countPoints counts the points of what counters made.
func countPoints(rm *metricdata.ResourceMetrics) int {
	n := 0
	for i := range rm.ScopeMetrics {
		for j := range rm.ScopeMetrics[i].Metrics {
			n += len(pointsOf(&rm.ScopeMetrics[i].Metrics[j]))
		}
	}
	return n
}

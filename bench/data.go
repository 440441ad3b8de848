package main

import (
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/internal/workload"
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

// attributeList is those attributes one by one, in the order of their keys.
func attributeList(i int) []attribute.KeyValue {
	set := attributesOf(i)
	return set.ToSlice()
}

// serviceResource has the eight attributes that an ordinary service has.
func serviceResource() *resource.Resource {
	return resource.NewSchemaless(keyValues(workload.Resource())...)
}

func keyValues(attributes []workload.Attribute) (kvs []attribute.KeyValue) {
	for _, a := range attributes {
		kvs = append(kvs, attribute.String(a.Key, a.Value))
	}
	return kvs
}

// byMetric makes data of points as an SDK collects them: metric by metric.
func byMetric(points []workload.Counter) *metricdata.ResourceMetrics {
	var names []string
	groups := map[string][]workload.Counter{}
	for _, p := range points {
		if groups[p.Name] == nil {
			names = append(names, p.Name)
		}
		groups[p.Name] = append(groups[p.Name], p)
	}
	var metrics []metricdata.Metrics
	for _, name := range names {
		metrics = append(metrics, metricOf(groups[name]))
	}
	return shopData(metrics)
}

// inOrder makes data of points that keeps their order, metric or not.
func inOrder(points []workload.Counter) *metricdata.ResourceMetrics {
	var metrics []metricdata.Metrics
	for i := range points {
		metrics = append(metrics, metricOf(points[i:i+1]))
	}
	return shopData(metrics)
}

func shopData(metrics []metricdata.Metrics) *metricdata.ResourceMetrics {
	return &metricdata.ResourceMetrics{Resource: serviceResource(), ScopeMetrics: []metricdata.ScopeMetrics{{
		Scope: instrumentation.Scope{Name: workload.Scope}, Metrics: metrics,
	}}}
}

// metricOf makes a metric of points, which are all of one.
func metricOf(points []workload.Counter) metricdata.Metrics {
	data := make([]metricdata.DataPoint[int64], len(points))
	for i, p := range points {
		data[i] = metricdata.DataPoint[int64]{
			Attributes: attribute.NewSet(keyValues(p.Attributes)...),
			StartTime:  time.Unix(0, workload.Started), Time: time.Unix(0, workload.Exported), Value: p.Value,
		}
	}
	return metricdata.Metrics{
		Name: points[0].Name, Unit: points[0].Unit,
		Data: metricdata.Sum[int64]{DataPoints: data, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true},
	}
}

// pointsOf returns the points of a metric that counters made.
func pointsOf(m *metricdata.Metrics) []metricdata.DataPoint[int64] {
	sum, _ := m.Data.(metricdata.Sum[int64])
	return sum.DataPoints
}

// countPoints counts the points of counters and histograms.
func countPoints(rm *metricdata.ResourceMetrics) int {
	n := 0
	for i := range rm.ScopeMetrics {
		for j := range rm.ScopeMetrics[i].Metrics {
			m := &rm.ScopeMetrics[i].Metrics[j]
			if h, ok := m.Data.(metricdata.Histogram[float64]); ok {
				n += len(h.DataPoints)
				continue
			}
			n += len(pointsOf(m))
		}
	}
	return n
}

package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/internal/workload"
)

// load is the points of one export, which is sent again and again. It has a multiple of
// statsdGrain points.
type load struct {
	name   string
	points int
	data   func() *metricdata.ResourceMetrics
	// counters says that it is of counters: it is judged, and can be said in lines of
	// DogStatsD.
	counters bool
}

const (
	// plenty is how many points most exports have.
	plenty = 1000
	// distinct is how many points an export has whose sets are those of
	// internal/workload, of which there are 960.
	distinct = 900
)

var workloads = []load{
	{"1,000 counters", plenty, func() *metricdata.ResourceMetrics { return counters(plenty, 1) }, true},
	{"1,000 series", plenty, func() *metricdata.ResourceMetrics { return counters(1, plenty) }, true},
	{"W2", distinct, func() *metricdata.ResourceMetrics { return byMetric(workload.Points(workload.W2, distinct)) }, true},
	{"W3", plenty, func() *metricdata.ResourceMetrics { return byMetric(workload.Points(workload.W3, plenty)) }, true},
	{"histograms", distinct, explicits, false},
	{"exponential histograms", distinct, exponentials, false},
}

var (
	methods  = [...]string{"GET", "POST", "PUT", "DELETE"}
	statuses = [...]string{"200", "201", "404", "500"}
	bounds   = []float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000}
)

// age is how long ago the series began.
const age = 90 * time.Minute

// counters makes so many counters, each with so many series of three attributes.
// Counters of one series have their own attributes each.
func counters(instruments, series int) *metricdata.ResourceMetrics {
	start := time.Now().Add(-age)
	var metrics []metricdata.Metrics
	for i := range instruments {
		points := make([]metricdata.DataPoint[int64], series)
		for j := range points {
			set := i + j // one of them is 0
			points[j] = metricdata.DataPoint[int64]{Attributes: attributesOf(set), StartTime: start, Value: int64(1000 + 7*set)}
		}
		metrics = append(metrics, counter(fmt.Sprintf("http.server.request.count.%d", i), "{request}", points))
	}
	return shopData(metrics)
}

func attributesOf(i int) attribute.Set {
	return attribute.NewSet(
		attribute.String("http.request.method", methods[i%len(methods)]),
		attribute.String("http.route", fmt.Sprintf("/api/v1/r%d", i/(len(methods)*len(statuses)))),
		attribute.String("http.response.status_code", statuses[i/len(methods)%len(statuses)]),
	)
}

// byMetric makes data of points as an SDK collects them: metric by metric.
func byMetric(points []workload.Counter) *metricdata.ResourceMetrics {
	start := time.Now().Add(-age)
	var names []string
	groups := map[string][]metricdata.DataPoint[int64]{}
	for _, p := range points {
		if groups[p.Name] == nil {
			names = append(names, p.Name)
		}
		groups[p.Name] = append(groups[p.Name], metricdata.DataPoint[int64]{Attributes: setOf(p.Attributes), StartTime: start, Value: p.Value})
	}
	var metrics []metricdata.Metrics
	for _, name := range names {
		metrics = append(metrics, counter(name, "1", groups[name]))
	}
	return shopData(metrics)
}

func counter(name, unit string, points []metricdata.DataPoint[int64]) metricdata.Metrics {
	return metricdata.Metrics{
		Name: name, Unit: unit,
		Data: metricdata.Sum[int64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true},
	}
}

// explicits makes a histogram whose series have some hundred durations each.
func explicits() *metricdata.ResourceMetrics {
	r := rand.New(rand.NewPCG(1, 2))
	points := make([]metricdata.HistogramDataPoint[float64], distinct)
	for i := range points {
		p := &points[i]
		*p = metricdata.HistogramDataPoint[float64]{
			Attributes: setOf(workload.Set(i)), StartTime: time.Now().Add(-age), Bounds: bounds, BucketCounts: make([]uint64, len(bounds)+1),
		}
		lowest, highest := math.Inf(1), math.Inf(-1)
		for range 50 + r.IntN(500) {
			ms := duration(r) * 1000
			at, _ := slices.BinarySearch(bounds, ms)
			p.BucketCounts[at]++
			p.Count++
			p.Sum += ms
			lowest, highest = min(lowest, ms), max(highest, ms)
		}
		p.Min, p.Max = metricdata.NewExtrema(lowest), metricdata.NewExtrema(highest)
	}
	return shopData([]metricdata.Metrics{{
		Name: "http.server.request.duration", Unit: "ms",
		Data: metricdata.Histogram[float64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality},
	}})
}

// exponentials makes an exponential histogram whose series fill up to 80 buckets each.
func exponentials() *metricdata.ResourceMetrics {
	const scale, buckets = 3, 80
	r := rand.New(rand.NewPCG(1, 2))
	offset := int32(math.Floor(math.Log2(0.020)*(1<<scale))) - buckets/2
	points := make([]metricdata.ExponentialHistogramDataPoint[float64], distinct)
	for i := range points {
		p := &points[i]
		*p = metricdata.ExponentialHistogramDataPoint[float64]{
			Attributes: setOf(workload.Set(i)), StartTime: time.Now().Add(-age), Scale: scale,
			PositiveBucket: metricdata.ExponentialBucket{Offset: offset, Counts: make([]uint64, buckets)},
		}
		lowest, highest := math.Inf(1), math.Inf(-1)
		for range 1000 {
			s := duration(r)
			at := int(math.Ceil(math.Log2(s)*(1<<scale))) - 1 - int(offset)
			p.PositiveBucket.Counts[min(max(at, 0), buckets-1)]++
			p.Count++
			p.Sum += s
			lowest, highest = min(lowest, s), max(highest, s)
		}
		p.Min, p.Max = metricdata.NewExtrema(lowest), metricdata.NewExtrema(highest)
	}
	return shopData([]metricdata.Metrics{{
		Name: "http.server.request.duration", Unit: "s",
		Data: metricdata.ExponentialHistogram[float64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality},
	}})
}

// duration is what a request took, in seconds: log-normal around 20 ms.
func duration(r *rand.Rand) float64 { return 0.020 * math.Exp(r.NormFloat64()) }

func shopData(metrics []metricdata.Metrics) *metricdata.ResourceMetrics {
	return &metricdata.ResourceMetrics{
		Resource:     resource.NewSchemaless(keyValues(workload.Resource())...),
		ScopeMetrics: []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: workload.Scope}, Metrics: metrics}},
	}
}

func setOf(attributes []workload.Attribute) attribute.Set {
	return attribute.NewSet(keyValues(attributes)...)
}

func keyValues(attributes []workload.Attribute) (kvs []attribute.KeyValue) {
	for _, a := range attributes {
		kvs = append(kvs, attribute.String(a.Key, a.Value))
	}
	return kvs
}

// collected gives all points the time of now: a receiver may put those right that are old.
func collected(rm *metricdata.ResourceMetrics) {
	now := time.Now()
	for _, m := range rm.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for i := range data.DataPoints {
				data.DataPoints[i].Time = now
			}
		case metricdata.Histogram[float64]:
			for i := range data.DataPoints {
				data.DataPoints[i].Time = now
			}
		case metricdata.ExponentialHistogram[float64]:
			for i := range data.DataPoints {
				data.DataPoints[i].Time = now
			}
		}
	}
}

// identity are the attributes of the resource that tell one sender from another. Of a
// resource DogStatsD knows nothing: they are tags of each line.
var identity = []attribute.Key{"service.name", "service.namespace", "service.instance.id"}

// dogStatsD returns the points of rm, which are of counters, as lines, and the sum of
// their values.
func dogStatsD(rm *metricdata.ResourceMetrics) (lines []string, sum float64) {
	var tags []string
	for _, key := range identity {
		v, _ := rm.Resource.Set().Value(key)
		tags = append(tags, string(key)+":"+v.AsString())
	}
	for _, m := range rm.ScopeMetrics[0].Metrics {
		data, _ := m.Data.(metricdata.Sum[int64])
		for i := range data.DataPoints {
			p := &data.DataPoints[i]
			all := slices.Clone(tags)
			for _, kv := range p.Attributes.ToSlice() {
				all = append(all, string(kv.Key)+":"+kv.Value.AsString())
			}
			lines = append(lines, m.Name+":"+strconv.FormatInt(p.Value, 10)+"|c|#"+strings.Join(all, ","))
			sum += float64(p.Value)
		}
	}
	return lines, sum
}

// datagram is some lines that are sent together.
type datagram struct {
	data  []byte
	lines int
}

// pack packs lines into datagrams as large as a path takes.
func pack(lines []string) (datagrams []datagram) {
	for _, line := range lines {
		last := len(datagrams) - 1
		if last < 0 || len(datagrams[last].data)+1+len(line) > packetSize {
			datagrams = append(datagrams, datagram{[]byte(line), 1})
			continue
		}
		d := &datagrams[last]
		d.data = append(append(d.data, '\n'), line...)
		d.lines++
	}
	return datagrams
}

package relay

import (
	"slices"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// traits tell two metrics apart, besides their name and the type of their data.
type traits struct {
	temporality metricdata.Temporality
	monotonic   bool
}

// kind is what the relay does with one type of aggregation.
type kind struct {
	// read returns the number of points and the traits, and false for data of another type.
	read func(metricdata.Aggregation) (points int, t traits, ok bool)
	// join returns one aggregation with the points of all, which are of this kind and have
	// the same traits. It does not write to their arrays. If there is just one, the result
	// shares its array.
	join func([]metricdata.Aggregation) metricdata.Aggregation
	// size counts what data of this kind takes in memory.
	size func(*sizer, metricdata.Aggregation)
}

// kinds are the types of aggregation that OpenTelemetry has. A metric with data of any
// other type is left out, as if it had no points.
var kinds = [...]kind{
	newKind(gauge[int64], numberSize[int64]), newKind(gauge[float64], numberSize[float64]),
	newKind(sum[int64], numberSize[int64]), newKind(sum[float64], numberSize[float64]),
	newKind(histogram[int64], histogramSize[int64]), newKind(histogram[float64], histogramSize[float64]),
	newKind(exponentialHistogram[int64], exponentialSize[int64]), newKind(exponentialHistogram[float64], exponentialSize[float64]),
	newKind(summary, summarySize),
}

func gauge[N int64 | float64](a *metricdata.Gauge[N]) (*[]metricdata.DataPoint[N], traits) {
	return &a.DataPoints, traits{}
}

func sum[N int64 | float64](a *metricdata.Sum[N]) (*[]metricdata.DataPoint[N], traits) {
	return &a.DataPoints, traits{a.Temporality, a.IsMonotonic}
}

func histogram[N int64 | float64](a *metricdata.Histogram[N]) (*[]metricdata.HistogramDataPoint[N], traits) {
	return &a.DataPoints, traits{temporality: a.Temporality}
}

func exponentialHistogram[N int64 | float64](a *metricdata.ExponentialHistogram[N]) (*[]metricdata.ExponentialHistogramDataPoint[N], traits) {
	return &a.DataPoints, traits{temporality: a.Temporality}
}

func summary(a *metricdata.Summary) (*[]metricdata.SummaryDataPoint, traits) {
	return &a.DataPoints, traits{}
}

func numberSize[N int64 | float64](s *sizer, p *metricdata.DataPoint[N]) {
	s.set(&p.Attributes)
	exemplars(s, p.Exemplars)
}

func histogramSize[N int64 | float64](s *sizer, p *metricdata.HistogramDataPoint[N]) {
	s.set(&p.Attributes)
	s.boundaries(p.Bounds)
	s.counts(p.BucketCounts)
	exemplars(s, p.Exemplars)
}

func exponentialSize[N int64 | float64](s *sizer, p *metricdata.ExponentialHistogramDataPoint[N]) {
	s.set(&p.Attributes)
	s.counts(p.PositiveBucket.Counts)
	s.counts(p.NegativeBucket.Counts)
	exemplars(s, p.Exemplars)
}

func summarySize(s *sizer, p *metricdata.SummaryDataPoint) {
	s.set(&p.Attributes)
	s.bytes += int64(cap(p.QuantileValues)) * sizeOf[metricdata.QuantileValue]()
}

// newKind makes a kind out of two functions: open opens an aggregation of type A, and size
// counts what a point refers to.
func newKind[A metricdata.Aggregation, P any](open func(*A) (*[]P, traits), size func(*sizer, *P)) kind {
	return kind{
		size: func(s *sizer, data metricdata.Aggregation) {
			a := data.(A)
			points, _ := open(&a)
			s.bytes += sizeOf[A]() + allocated(int64(cap(*points))*sizeOf[P]())
			for i := range *points {
				size(s, &(*points)[i])
			}
		},
		read: func(data metricdata.Aggregation) (int, traits, bool) {
			if _, ok := data.(A); !ok {
				return 0, traits{}, false
			}
			a := data.(A) // the copy is on the heap, so it is made only for data of this kind
			points, t := open(&a)
			return len(*points), t, true
		},
		join: func(all []metricdata.Aggregation) metricdata.Aggregation {
			if len(all) == 1 {
				return all[0]
			}
			lists := make([][]P, 0, len(all))
			for _, data := range all {
				a := data.(A)
				points, _ := open(&a)
				lists = append(lists, *points)
			}
			joined := all[0].(A)
			points, _ := open(&joined)
			*points = slices.Concat(lists...)
			return joined
		},
	}
}

// kindOf returns the place in kinds of the type of data, the number of points and the
// traits, and false for a type that is not in kinds.
func kindOf(data metricdata.Aggregation) (place, points int, t traits, ok bool) {
	for i := range kinds {
		if points, t, ok = kinds[i].read(data); ok {
			return i, points, t, true
		}
	}
	return 0, 0, traits{}, false
}

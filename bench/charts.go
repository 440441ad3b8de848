package main

import (
	"fmt"
	"math"
)

// chart is a picture of figures that are saved.
type chart struct {
	file, title string
	x, y        string // axes, with units
	logX, logY  bool
	// bars are the names along x if there are bars; a curve has a value for each.
	bars   []string
	curves []curve
}

// curve is a line of a chart, or one colour of its bars.
type curve struct {
	name   string
	points []chartPoint
}

// chartPoint is where a figure stands in the results.
type chartPoint struct {
	x     float64
	row   string
	other bool // the figure of the other side
}

// charts are all there are. The names of the files are those in the documents.
func charts() []chart {
	return []chart{costChart(), latencyChart(), sizeChart(), lossChart()}
}

func costChart() chart {
	c := chart{
		file: "cost-per-point.svg", title: "What a point costs the process that exports it", logX: true, logY: true,
		x: "points in an export (one for each series)", y: "CPU of the process (ns a point)",
		curves: []curve{{name: "OTLP/HTTP, SDK"}, {name: "otelgram, SDK path"}, {name: "the SDK's collection, part of both"}, {name: "otelgram, direct path"}},
	}
	for _, n := range scaleSeries {
		name, x := "scale, "+figure(float64(n))+" series, ", float64(n)
		if n <= otlpSeries {
			c.curves[0].add(x, name+"SDK path, all CPU", true)
		}
		c.curves[1].add(x, name+"SDK path, all CPU", false)
		c.curves[2].add(x, name+"SDK path, CPU of the SDK's collection, a part of that", false)
		c.curves[3].add(x, name+"direct path, all CPU", false)
	}
	return c
}

func latencyChart() chart {
	c := chart{
		file: "recording-latency.svg", title: "counter.Add from many goroutines at once", logX: true, logY: true,
		x: "goroutines", y: "time of all by calls (ns a call)",
		curves: []curve{
			{name: "SDK, one series"}, {name: "otelgram, one series"}, {name: "otelgram bound, one series"},
			{name: "SDK, 1,000 series"}, {name: "otelgram, 1,000 series"}, {name: "otelgram bound, 1,000 series"},
		},
	}
	for _, n := range crowds {
		for i, where := range []string{"one hot series", "1,000 series"} {
			after := fmt.Sprintf(", %s, %s", manyGoroutines(n), where)
			c.curves[3*i].add(float64(n), "counter.Add, kept options"+after, true)
			c.curves[3*i+1].add(float64(n), "counter.Add, kept options"+after, false)
			c.curves[3*i+2].add(float64(n), "counter.Add, bound"+after, false)
		}
	}
	return c
}

func sizeChart() chart {
	return chart{
		file: "bytes-per-point.svg", title: "Bytes of a point of a counter with five attributes",
		y:    "bytes a point",
		bars: []string{"W2: another set each point", "W3: ten points share a set"},
		curves: []curve{
			{"otelgram (Compact)", []chartPoint{
				{0, "wire size, W2 (one metric, another set each point)", false}, {1, "wire size, W3 (10 metrics share each set)", false},
			}},
			{"OTLP (protobuf)", []chartPoint{
				{0, "wire size, W2 (one metric, another set each point)", true}, {1, "wire size, W3 (10 metrics share each set)", true},
			}},
			{"DogStatsD (datadog-go), without the resource", []chartPoint{
				{0, "text DogStatsD size, W2, 5 tags", true}, {1, "text DogStatsD size, W3, 5 tags", true},
			}},
		},
	}
}

func lossChart() chart {
	c := chart{
		file: "loss.svg", title: "Ten exports a second into a receive buffer of the default size", logX: true,
		x: "packets that are offered (of 1,472 bytes, in a second)", y: "points (% of those offered)",
		curves: []curve{
			{name: "without pacing: lost on the way"}, {name: "without pacing: dropped and counted"},
			{name: "paced: lost on the way"}, {name: "paced: dropped and counted"},
		},
	}
	for _, rate := range loadRates {
		for i, what := range []string{"lost on the way", "dropped at the sender"} {
			c.curves[i].add(float64(rate), loadName(rate)+what, true)
			c.curves[2+i].add(float64(rate), loadName(rate)+what, false)
		}
	}
	return c
}

func (c *curve) add(x float64, row string, other bool) {
	c.points = append(c.points, chartPoint{x, row, other})
}

// value returns a figure, and NaN if it was not measured.
func (r *results) value(p chartPoint) float64 {
	found := r.find(p.row)
	switch {
	case found == nil || p.other && found.Other == nil:
		return math.NaN()
	case p.other:
		return found.Other.Median
	}
	return found.Ours.Median
}

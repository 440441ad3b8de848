package wire

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/otelgram/otelgram/wire/internal/number"
)

// Distribution is what histograms and summaries carry besides their sum.
type Distribution struct {
	Count uint64 // measurements

	// Histogram and ExponentialHistogram. The bits are of an int64 if the metric is
	// Integer, and of a float64 otherwise.
	Min, Max Extremum

	// Histogram. By convention BucketCounts has one element more than Bounds.
	Bounds       []float64
	BucketCounts []uint64

	// ExponentialHistogram.
	Scale              int32
	ZeroCount          uint64
	ZeroThreshold      float64
	Positive, Negative Buckets

	// Summary.
	Quantiles []Quantile
}

// Extremum is a minimum or maximum that may be absent.
type Extremum struct {
	Bits    uint64
	Defined bool
}

// Buckets are the buckets of an exponential histogram on one side of zero.
type Buckets struct {
	Offset int32
	Counts []uint64
}

// Quantile is one value of a summary.
type Quantile struct{ Quantile, Value float64 }

const (
	flagMin = 0x01
	flagMax = 0x02

	rawBounds = 0xFF

	// keptBounds is how many bounds a metric remembers from one packet to the next.
	keptBounds = 256
)

// distribution writes what follows the sum.
func (p *Packer) distribution(b []byte, m *Metric, d *Distribution) []byte {
	b = number.AppendUvarint(b, d.Count)
	switch m.Kind {
	case Histogram:
		b = appendExtrema(b, d, m.Integer)
		at := len(b)
		b = p.boundsList(b, m, d.Bounds)
		p.defined += len(b) - at
		p.expanded += boundWeight * len(d.Bounds)
		return p.counts(b, d.BucketCounts)
	case ExponentialHistogram:
		b = appendExtrema(b, d, m.Integer)
		b = number.AppendSvarint(b, int64(d.Scale))
		b = number.AppendUvarint(b, d.ZeroCount)
		b = number.AppendTagged(b, math.Float64bits(d.ZeroThreshold), false)
		b = p.counts(number.AppendSvarint(b, int64(d.Positive.Offset)), d.Positive.Counts)
		return p.counts(number.AppendSvarint(b, int64(d.Negative.Offset)), d.Negative.Counts)
	case Summary:
		return p.quantiles(b, d.Quantiles)
	}
	return b
}

func appendExtrema(b []byte, d *Distribution, integer bool) []byte {
	at := len(b)
	b = append(b, 0)
	if d.Min.Defined {
		b[at] |= flagMin
		b = number.AppendTagged(b, d.Min.Bits, integer)
	}
	if d.Max.Defined {
		b[at] |= flagMax
		b = number.AppendTagged(b, d.Max.Bits, integer)
	}
	return b
}

func (p *Packer) counts(b []byte, counts []uint64) []byte {
	b = number.AppendUvarint(b, uint64(len(counts)))
	for _, c := range counts {
		if len(b) > p.limit {
			p.overflow = true
			return b
		}
		b = number.AppendUvarint(b, c)
	}
	return b
}

func (p *Packer) quantiles(b []byte, quantiles []Quantile) []byte {
	b = number.AppendUvarint(b, uint64(len(quantiles)))
	for _, q := range quantiles {
		if len(b) > p.limit {
			p.overflow = true
			return b
		}
		b = number.AppendTagged(b, math.Float64bits(q.Quantile), false)
		b = number.AppendTagged(b, math.Float64bits(q.Value), false)
	}
	return b
}

// boundsList writes a reference to bounds. If they are not the list that this metric last
// wrote to this packet, it writes the list.
func (p *Packer) boundsList(b []byte, m *Metric, bounds []float64) []byte {
	if len(bounds) == 0 {
		return append(b, 1)
	}
	if at, ok := p.known(m.boundsPlace); ok && equalBits(m.bounds, bounds) {
		return number.AppendUvarint(b, at)
	}
	if !equalBits(m.bounds, bounds) {
		m.bounds = append(m.bounds[:0], bounds...)
		if len(bounds) > keptBounds {
			p.long = append(p.long, m)
		}
	}
	m.boundsPlace = p.define(&p.bounds)
	b = number.AppendUvarint(append(b, 0), uint64(len(bounds)))
	if exponent, ok := commonExponent(bounds); ok {
		return p.decimalBounds(append(b, exponent), bounds, number.PowersOfTen[exponent])
	}
	b = append(b, rawBounds)
	for _, v := range bounds {
		if len(b) > p.limit {
			p.overflow = true
			return b
		}
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func (p *Packer) decimalBounds(b []byte, bounds []float64, scale float64) []byte {
	prev := int64(0)
	for _, v := range bounds {
		if len(b) > p.limit {
			p.overflow = true
			return b
		}
		m := int64(math.Round(v * scale))
		b = number.AppendSvarint(b, m-prev)
		prev = m
	}
	return b
}

// commonExponent returns the smallest exponent with which every bound is an integer divided
// by a power of ten.
func commonExponent(bounds []float64) (byte, bool) {
	exponent := byte(0)
	for _, v := range bounds {
		for !isDecimal(v, number.PowersOfTen[exponent]) {
			exponent++
			if exponent > number.MaxExponent {
				return 0, false
			}
		}
	}
	// A bound that is exact with one exponent need not be with a larger one.
	for _, v := range bounds {
		if !isDecimal(v, number.PowersOfTen[exponent]) {
			return 0, false
		}
	}
	return exponent, true
}

// isDecimal reports whether a decoder gets all the bits of v by dividing the integer
// nearest to v*scale by scale.
func isDecimal(v, scale float64) bool {
	m := math.Round(v * scale)
	return math.Abs(m) < 1<<52 && math.Float64bits(float64(int64(m))/scale) == math.Float64bits(v)
}

func equalBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

// distribution reads what Packer.distribution wrote.
func (d *Decoder) distribution(m *MetricView) {
	d.distributions = append(d.distributions, Distribution{})
	dist := &d.distributions[len(d.distributions)-1]
	dist.Count = d.r.Uvarint("count")
	switch m.Kind {
	case Histogram:
		d.extrema(dist, m.Integer)
		dist.Bounds = d.boundsList()
		d.expanded += boundWeight * len(dist.Bounds)
		dist.BucketCounts = d.counts("bucket counts")
	case ExponentialHistogram:
		d.extrema(dist, m.Integer)
		dist.Scale = d.int32("scale")
		dist.ZeroCount = d.r.Uvarint("zero count")
		dist.ZeroThreshold = math.Float64frombits(d.r.Tagged("zero threshold", false))
		dist.Positive.Offset = d.int32("positive offset")
		dist.Positive.Counts = d.counts("positive counts")
		dist.Negative.Offset = d.int32("negative offset")
		dist.Negative.Counts = d.counts("negative counts")
	case Summary:
		dist.Quantiles = d.readQuantiles()
	}
}

func (d *Decoder) extrema(dist *Distribution, integer bool) {
	flags := d.r.Byte("min and max")
	if flags&^(flagMin|flagMax) != 0 {
		d.r.Fail("min and max")
	}
	if flags&flagMin != 0 {
		dist.Min = Extremum{Bits: d.r.Tagged("min", integer), Defined: true}
	}
	if flags&flagMax != 0 {
		dist.Max = Extremum{Bits: d.r.Tagged("max", integer), Defined: true}
	}
}

func (d *Decoder) int32(field string) int32 {
	v := d.r.Svarint(field)
	if v != int64(int32(v)) {
		d.r.Fail(field)
	}
	return int32(v)
}

func (d *Decoder) counts(field string) []uint64 {
	list := extend(&d.numbers, d.r.Count(field, 1))
	for i := range list {
		list[i] = d.r.Uvarint(field)
	}
	return list
}

func (d *Decoder) readQuantiles() []Quantile {
	start := len(d.quantiles)
	for n := d.r.Count("quantiles", 2); n > 0; n-- {
		q := math.Float64frombits(d.r.Tagged("quantile", false))
		v := math.Float64frombits(d.r.Tagged("quantile value", false))
		d.quantiles = append(d.quantiles, Quantile{q, v})
	}
	return d.quantiles[start:len(d.quantiles):len(d.quantiles)]
}

func (d *Decoder) boundsList() []float64 {
	n := d.r.Uvarint("bounds")
	if n > uint64(len(d.bounds)) {
		d.r.Fail("bounds reference")
		return nil
	}
	if n > 0 {
		return d.bounds[n-1]
	}
	list := d.readBounds()
	d.bounds = append(d.bounds, list)
	return list
}

func (d *Decoder) readBounds() []float64 {
	start := len(d.floats)
	n := d.r.Count("bounds", 1)
	form := d.r.Byte("bounds form")
	if form != rawBounds && form > number.MaxExponent {
		d.r.Fail("bounds form")
	}
	m := int64(0)
	for ; n > 0 && !d.r.Failed(); n-- {
		if form == rawBounds {
			d.floats = append(d.floats, d.r.Float64("bound"))
			continue
		}
		m += d.r.Svarint("bound")
		d.floats = append(d.floats, float64(m)/number.PowersOfTen[form])
	}
	return d.floats[start:len(d.floats):len(d.floats)]
}

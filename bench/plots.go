package main

import (
	"bytes"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	plottext "gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	plotWidth  = 18 * vg.Centimeter
	plotHeight = 11 * vg.Centimeter
	barWidth   = 40
)

// curveColors can be told apart by those who see fewer colours, too.
var curveColors = []color.Color{
	color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0x77, 0x77, 0x77, 0xff},
	color.RGBA{0xe6, 0x9f, 0x00, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
}

// svg draws a chart.
func (c *chart) svg(r *results) ([]byte, error) {
	p := plot.New()
	for _, f := range []*plottext.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		f.Font.Variant = "Sans"
	}
	p.BackgroundColor = color.White
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.title, c.x, c.y
	p.Title.Padding, p.X.Padding = vg.Points(8), vg.Points(4)
	p.Legend.Top, p.Legend.Left = true, true // the names begin at the marks, however wide a reader's font is
	p.Legend.XOffs, p.Legend.Padding = vg.Points(8), vg.Points(2)
	p.Y.Min = 0
	p.Add(plotter.NewGrid())
	var err error
	if c.bars != nil {
		err = c.drawBars(p, r)
	} else {
		err = c.drawCurves(p, r)
	}
	if err != nil {
		return nil, err
	}
	canvas := vgsvg.New(plotWidth, plotHeight)
	p.Draw(draw.Crop(draw.New(canvas), vg.Points(6), vg.Points(-24), vg.Points(4), vg.Points(-6)))
	var b bytes.Buffer
	_, err = canvas.WriteTo(&b)
	return b.Bytes(), err
}

func (c *chart) drawCurves(p *plot.Plot, r *results) error {
	at, least := map[float64]bool{}, math.Inf(1)
	for i, curve := range c.curves {
		var points plotter.XYs
		for _, point := range curve.points {
			if v := r.value(point); !math.IsNaN(v) {
				points = append(points, plotter.XY{X: point.x, Y: v})
				at[point.x], least = true, min(least, v)
			}
		}
		if len(points) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.Color, dots.Color = curveColors[i], curveColors[i]
		line.Width = vg.Points(1.5)
		dots.Shape, dots.Radius = draw.CircleGlyph{}, vg.Points(3)
		if i >= 3 {
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		}
		p.Add(line, dots)
		p.Legend.Add(curve.name, line, dots)
	}
	c.setAxes(p, at, least)
	return nil
}

// setAxes sets the scales, with a mark on the x axis for each x that there is, and room for
// the legend above the curves.
func (c *chart) setAxes(p *plot.Plot, at map[float64]bool, least float64) {
	if len(at) == 0 {
		return
	}
	if c.logX {
		var marks plot.ConstantTicks
		for _, x := range c.xs() {
			if at[x] {
				marks = append(marks, plot.Tick{Value: x, Label: strings.TrimSuffix(strings.TrimSuffix(figure(x), ".00"), ".0")})
			}
		}
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, marks
	}
	if c.logY {
		p.Y.Min, p.Y.Max = math.Pow(10, math.Floor(math.Log10(least))), p.Y.Max*20
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		return
	}
	p.Y.Max = max(p.Y.Max, 1) * 1.3
}

func (c *chart) xs() (xs []float64) {
	for _, p := range c.curves[len(c.curves)-1].points {
		xs = append(xs, p.x)
	}
	return xs
}

func (c *chart) drawBars(p *plot.Plot, r *results) error {
	for i, curve := range c.curves {
		values := make(plotter.Values, len(curve.points))
		for j, point := range curve.points {
			if v := r.value(point); !math.IsNaN(v) {
				values[j] = v
			}
		}
		bars, err := plotter.NewBarChart(values, vg.Points(barWidth))
		if err != nil {
			return err
		}
		bars.Color = curveColors[i]
		bars.LineStyle.Width = 0
		bars.Offset = vg.Points(barWidth * (float64(i) - float64(len(c.curves)-1)/2))
		p.Add(bars)
		p.Legend.Add(curve.name, bars)
		labels := plotter.XYLabels{}
		for j, v := range values {
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(j), Y: v})
			labels.Labels = append(labels.Labels, figure(v))
		}
		texts, err := plotter.NewLabels(labels)
		if err != nil {
			return err
		}
		for j := range texts.TextStyle {
			texts.TextStyle[j].Font.Variant = "Sans"
		}
		texts.Offset = vg.Point{X: bars.Offset - vg.Points(10), Y: vg.Points(3)}
		p.Add(texts)
	}
	p.NominalX(c.bars...)
	p.X.Min, p.X.Max = -0.5, float64(len(c.bars))-0.5
	p.Y.Max *= 1.4
	return nil
}

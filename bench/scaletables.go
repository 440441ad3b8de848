package main

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"text/template"
)

// functions are those of tables that put several rows of bench side by side.
func (w *writer) functions() template.FuncMap {
	return template.FuncMap{
		"service": w.serviceTable, "series": w.seriesTable, "senders": w.sendersTable,
		"gateway": w.gatewayTable, "perSecond": w.perSecond,
	}
}

// cells joins the texts of figures, or says what is wrong with them.
type cells struct {
	texts  []string
	failed []error
}

func (c *cells) add(text string, err error) {
	c.texts = append(c.texts, text)
	c.failed = append(c.failed, err)
}

func (c *cells) row(first ...string) (string, error) {
	return strings.Join(append(first, c.texts...), " | "), errors.Join(c.failed...)
}

// serviceTable has a row for each figure of the service, and a column for each way.
func (w *writer) serviceTable() (rows []string, err error) {
	for i := 0; i < len(serviceExperiment.lines); i += 3 {
		l := serviceExperiment.lines[i : i+3]
		name := strings.TrimSuffix(strings.TrimPrefix(l[0].name, "service, "), ", beside OTLP/gRPC")
		var c cells
		c.add(w.ours(l[0].name))
		c.add(w.ours(l[2].name))
		c.add(w.other(l[0].name))
		c.add(w.other(l[1].name))
		c.add(w.other(l[2].name))
		text, failed := c.row(fmt.Sprintf("%s (%s)", name, l[0].unit))
		rows, err = append(rows, text), errors.Join(err, failed)
	}
	return rows, err
}

// seriesTable has some rows for each number of series.
func (w *writer) seriesTable() (rows []string, err error) {
	for _, n := range scaleSeries {
		name := "scale, " + figure(float64(n)) + " series, "
		for _, f := range []struct{ text, sdk, direct string }{
			{"CPU, ns a point", "SDK path, all CPU", "direct path, all CPU"},
			{"live heap, MB", "SDK path, live heap", "direct path, live heap"},
			{"time until all is sent, ms", "SDK path, time of an export", "direct path, time of a collection"},
		} {
			var c cells
			c.add(w.ours(name + f.sdk))
			c.add(w.ours(name + f.direct))
			if n <= otlpSeries {
				c.add(w.other(name + f.sdk))
			} else {
				c.add("cannot", nil)
			}
			text, failed := c.row(figure(float64(n)), f.text)
			rows, err = append(rows, text), errors.Join(err, failed)
		}
		var c cells
		c.add(w.ours(name + "SDK path, packets of an export"))
		c.add(w.ours(name + "direct path, packets of a collection"))
		text, failed := c.row(figure(float64(n)), "packets")
		rows, err = append(rows, text+" | "), errors.Join(err, failed)
		c = cells{}
		c.add(w.lost(name + "SDK path, all CPU"))
		c.add(w.lost(name + "direct path, all CPU"))
		text, failed = c.row(figure(float64(n)), "points that did not arrive")
		rows, err = append(rows, text+" | "), errors.Join(err, failed)
	}
	return rows, err
}

// lost is how many points of a row were lost, in all rounds.
func (w *writer) lost(name string) (string, error) {
	r, _, err := w.row(name)
	if r == nil {
		return notMeasured, err
	}
	return r.Lost.text(), nil
}

func (w *writer) sendersTable() (rows []string, err error) {
	for _, n := range turnSessions {
		name := fmt.Sprintf("receiver, %d sessions in turns, ", n)
		var c cells
		c.add(w.ours(name + "all CPU a point"))
		c.add(w.ours(name + "live heap"))
		text, failed := c.row(whole(float64(n)))
		rows, err = append(rows, text), errors.Join(err, failed)
	}
	return rows, err
}

// perSecond is what a core does in a second of something that takes so many nanoseconds.
func (w *writer) perSecond(name string) (string, error) {
	r, _, err := w.row(name)
	if r == nil || r.Ours.Median <= 0 {
		return notMeasured, err
	}
	return roundFigure(1e9 / r.Ours.Median), nil
}

// whole is a whole number as documents show it.
func whole(v float64) string {
	if v < 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return figure(v)
}

// roundFigure shows two digits of a large number.
func roundFigure(v float64) string {
	unit := math.Pow(10, math.Floor(math.Log10(v))-1)
	return figure(math.Round(v/unit) * unit)
}

const (
	gatewayCPU   = "receiver, all CPU per point, socket to handler, W2 (one metric, another set each point)"
	gatewayBytes = "wire size, W2 (one metric, another set each point)"
	// gatewayInterval is the default flush interval.
	gatewayInterval = 10
)

// gatewayTable is what a gateway for so many services takes, with the default flush
// interval: points a second = services * series / interval; cores = points a second * CPU a point.
func (w *writer) gatewayTable() (rows []string, err error) {
	cpu, _, failed := w.row(gatewayCPU)
	bytes, _, failed2 := w.row(gatewayBytes)
	if err := errors.Join(failed, failed2); err != nil || cpu == nil || bytes == nil {
		return []string{strings.Repeat(notMeasured+" | ", 4) + notMeasured}, err
	}
	for _, services := range []float64{10, 100, 1000, 10_000} {
		for _, series := range []float64{1000, 10_000} {
			points := services * series / gatewayInterval
			rows = append(rows, strings.Join([]string{
				whole(services), whole(series), whole(points),
				figure(points * cpu.Ours.Median / 1e9), figure(points * bytes.Ours.Median / 1e6),
			}, " | "))
		}
	}
	return rows, nil
}

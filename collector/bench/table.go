package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/otelgram/otelgram/internal/benchreport"
)

// What receivers tell of themselves: any, and that of otelgram.
const (
	acceptedMetric = "otelcol_receiver_accepted_metric_points"

	acceptedPoints = "otelcol_receiver_otelgram_accepted_points"
	receivedPoints = "otelcol_receiver_otelgram_received_points"
	lostPoints     = "otelcol_receiver_otelgram_lost_points"
	overrunPoints  = "otelcol_receiver_otelgram_overrun_points"
	kernelDrops    = "otelcol_receiver_otelgram_kernel_drops"
	receiveBuffer  = "otelcol_receiver_otelgram_receive_buffer"
)

// printTable prints what the ways to send a load took, and what the otelgram receiver
// told of itself.
func printTable(out io.Writer, l *load, results []result, s settings) {
	fmt.Fprintf(out, "%s: %d points an export, %d exports a round\n", l.name, l.points, (s.points+l.points-1)/l.points)
	row(out, "receiver", "points per CPU second", "ns of CPU a point", "allocs", "otelgram", "target", "met", "points/packet", "packets/call", "points/call", "lost", "rounds")
	own := 0.0
	for i := range results {
		if results[i].way.name == ours {
			own = results[i].median((*cost).perSecond)
		}
	}
	for i := range results {
		results[i].print(out, own)
	}
	for i := range results {
		if r := &results[i]; r.way.role == otelgramRole {
			fmt.Fprintf(out, "%s: the receiver says: received %d, lost %d, overrun %d, accepted %d points; kernel drops %d; receive buffer %d bytes\n", r.way.name,
				r.books[receivedPoints], r.books[lostPoints], r.books[overrunPoints], r.books[acceptedPoints], r.books[kernelDrops], r.books[receiveBuffer])
		}
	}
	fmt.Fprintln(out)
}

func row(out io.Writer, receiver, speed, nanos, allocs, ratio, target, met, perPacket, packetsACall, perCall, lost, rounds string) {
	fmt.Fprintf(out, "%-22s  %-27s %-22s %-7s %-9s %-7s %-4s %-14s %-13s %-12s %-6s %s\n",
		receiver, speed, nanos, allocs, ratio, target, met, perPacket, packetsACall, perCall, lost, rounds)
}

// print prints a row, given how many points otelgram takes, 0 where that is not known.
func (r *result) print(out io.Writer, own float64) {
	rounds := fmt.Sprint(len(r.costs))
	if r.lossy > 0 {
		rounds += fmt.Sprintf(", %d with a loss left out", r.lossy)
	}
	lost := fmt.Sprint(r.lost)
	if len(r.costs) == 0 {
		row(out, r.way.name, "-", "-", "-", "-", "-", "-", "-", "-", "-", lost, rounds)
		return
	}
	ratio, target, met := r.judge(own)
	packetsACall, perCall := benchreport.Figure(r.median((*cost).packetsACall)), benchreport.Figure(r.median((*cost).perCall))
	if r.way.role == statsdRole {
		packetsACall, perCall = "aggregated", "aggregated" // what the consumer gets
	}
	row(out, r.way.name, r.spread((*cost).perSecond, 1e-6)+" M", r.spread((*cost).nanos, 1), benchreport.Figure(r.median((*cost).allocs)),
		ratio, target, met, benchreport.Figure(r.median((*cost).perPacket)), packetsACall, perCall, lost, rounds)
}

// judge says how many times as many points otelgram takes, how many it should, and
// whether it does.
func (r *result) judge(own float64) (ratio, target, met string) {
	ratio, target, met = "-", "-", "-"
	times := own / r.median((*cost).perSecond)
	if own > 0 {
		ratio = fmt.Sprintf("%.2f x", times)
	}
	if r.judged {
		target = fmt.Sprintf(">= %g x", r.way.target)
	}
	switch {
	case own == 0 || !r.judged:
	case times >= r.way.target:
		met = "yes"
	default:
		met = "NO"
	}
	return ratio, target, met
}

// sorted returns a figure of each round, in order.
func (r *result) sorted(value func(*cost) float64) []float64 {
	values := make([]float64, 0, len(r.costs))
	for i := range r.costs {
		values = append(values, value(&r.costs[i]))
	}
	slices.Sort(values)
	return values
}

// median returns the median of a figure of all rounds, 0 where there are none.
func (r *result) median(value func(*cost) float64) float64 {
	values := r.sorted(value)
	if len(values) == 0 {
		return 0
	}
	middle := len(values) / 2
	if len(values)%2 == 0 {
		return (values[middle-1] + values[middle]) / 2
	}
	return values[middle]
}

// spread says the median of a figure, its least and its most, in another unit.
func (r *result) spread(value func(*cost) float64, unit float64) string {
	values := r.sorted(value)
	return fmt.Sprintf("%s (%s..%s)", benchreport.Figure(unit*r.median(value)), benchreport.Figure(unit*values[0]), benchreport.Figure(unit*values[len(values)-1]))
}

// fileName makes a part of a file's name of the name of a load.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ':
			return '-'
		case ',':
			return -1
		}
		return r
	}, name)
}

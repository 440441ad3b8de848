package main

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// prometheusCounter is a counter of Prometheus' client.
type prometheusCounter struct {
	counter  *prometheus.CounterVec
	values   [][]string
	kept     []prometheus.Counter
	recorded int
}

func newPrometheus(series int) *prometheusCounter {
	p := &prometheusCounter{counter: prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: "http_server_request_count"}, []string{"method", "route", "status"})}
	for i := range series {
		var values []string
		for _, kv := range attributeList(i) {
			values = append(values, kv.Value.AsString())
		}
		p.values = append(p.values, values)
		p.kept = append(p.kept, p.counter.WithLabelValues(values...))
	}
	return p
}

func (p *prometheusCounter) subject(name string, record func(first, calls int)) subject {
	return subject{name: "Prometheus " + name, record: record, settled: p.settled, end: nothing}
}

func (p *prometheusCounter) addByValues(first, calls int) {
	for i := range turns(len(p.values), first, calls) {
		p.counter.WithLabelValues(p.values[i]...).Add(1)
	}
}

func (p *prometheusCounter) addKept(first, calls int) {
	for i := range turns(len(p.kept), first, calls) {
		p.kept[i].Add(1)
	}
}

func (p *prometheusCounter) settled(c *cost) error {
	p.recorded += c.points
	return nil
}

// end wants what a registry gathers to be every call.
func (p *prometheusCounter) end() error {
	r := prometheus.NewRegistry()
	if err := r.Register(p.counter); err != nil {
		return err
	}
	families, err := r.Gather()
	if err != nil {
		return err
	}
	total := 0.0
	for _, f := range families {
		for _, m := range f.Metric {
			total += m.GetCounter().GetValue()
		}
	}
	if total != float64(p.recorded) {
		return fmt.Errorf("%.0f gathered of %d recorded", total, p.recorded)
	}
	return nil
}

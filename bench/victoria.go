package main

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"
)

// victoriaCounter is a counter of VictoriaMetrics' client, where labels are part of
// the name.
type victoriaCounter struct {
	set      *metrics.Set
	names    []string
	kept     []*metrics.Counter
	recorded int
}

func newVictoria(series int) *victoriaCounter {
	v := &victoriaCounter{set: metrics.NewSet()}
	for i := range series {
		a := attributeList(i)
		v.names = append(v.names, fmt.Sprintf("http_server_request_count{method=%q,route=%q,status=%q}",
			a[0].Value.AsString(), a[1].Value.AsString(), a[2].Value.AsString()))
		v.kept = append(v.kept, v.set.GetOrCreateCounter(v.names[i]))
	}
	return v
}

func (v *victoriaCounter) subject(name string, record func(first, calls int)) subject {
	return subject{name: "VictoriaMetrics " + name, record: record, settled: v.settled, end: nothing}
}

func (v *victoriaCounter) addByName(first, calls int) {
	for i := range turns(len(v.names), first, calls) {
		v.set.GetOrCreateCounter(v.names[i]).Add(1)
	}
}

func (v *victoriaCounter) addKept(first, calls int) {
	for i := range turns(len(v.kept), first, calls) {
		v.kept[i].Add(1)
	}
}

func (v *victoriaCounter) settled(c *cost) error {
	v.recorded += c.points
	return nil
}

// end wants every call in the counters.
func (v *victoriaCounter) end() error {
	total := uint64(0)
	for _, c := range v.kept {
		total += c.Get()
	}
	if total != uint64(v.recorded) {
		return fmt.Errorf("%d counted of %d recorded", total, v.recorded)
	}
	return nil
}

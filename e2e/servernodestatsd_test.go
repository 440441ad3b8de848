package e2e

import (
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// nodeBackend writes what is flushed to a file: counters and timers of one interval, gauges
// as they are.
const nodeBackend = `const fs = require('fs')
exports.init = (started, config, events) => {
	events.on('flush', (time, m) => fs.appendFileSync('out.json', JSON.stringify({
		counters: m.counters, gauges: m.gauges, timers: m.timer_data}) + '\n'))
	return true
}
`

// startNodeStatsD starts the original statsd. A series is the name of the counter or gauge, with
// the tags that it knows (the name with ";tag=value"), or the name and the field of a timer.
func startNodeStatsD(t *testing.T) *server {
	t.Helper()
	need(t, "node")
	program := serverProgram(t, "node", "node_modules", "statsd", "stats.js")
	s := newServer(t)
	_, port, err := net.SplitHostPort(s.address)
	require.NoError(t, err)
	out := &jsonFile[nodeFlush]{path: filepath.Join(s.dir, "out.json")}
	s.run(t, "node", program, s.file(t, "config.js", fmt.Sprintf(
		`{address: "127.0.0.1", port: %s, mgmt_address: "127.0.0.1", mgmt_port: %d, flushInterval: 200, deleteIdleStats: true, deleteGauges: false,
		automaticConfigReload: false, backends: [%q]}`, port, freePort(t), s.file(t, "backend.js", nodeBackend))))
	s.read = func() (values, error) { return flushedByNode(out) }
	s.ready(t, probe+":1|c")
	return s
}

// nodeOwn is how the names of its own metrics begin.
const nodeOwn = "statsd."

// nodeFlush is what was flushed once.
type nodeFlush struct {
	Counters, Gauges map[string]float64
	Timers           map[string]map[string]any
}

// flushedByNode adds up what is in a file. Of the fields of a timer only those are there that
// can be added up.
func flushedByNode(file *jsonFile[nodeFlush]) (values, error) {
	flushes, err := file.lines()
	v := values{}
	for _, flush := range flushes {
		for key, value := range flush.Counters {
			v[nodeSeries(key, "")] += value
		}
		for key, value := range flush.Gauges {
			v[nodeSeries(key, "")] = value
		}
		for key, fields := range flush.Timers {
			for _, field := range []string{"count", "sum"} {
				if number, ok := fields[field].(float64); ok {
					v[nodeSeries(key, "_"+field)] += number
				}
			}
		}
	}
	maps.DeleteFunc(v, func(series string, _ float64) bool { return strings.HasPrefix(series, nodeOwn) })
	return v, err
}

// nodeSeries returns the series of a key, "name;tag=value".
func nodeSeries(key, suffix string) string {
	parts := strings.Split(key, ";")
	tags := map[string]string{}
	for _, part := range parts[1:] {
		k, value, _ := strings.Cut(part, "=")
		tags[k] = value
	}
	return seriesName(parts[0]+suffix, tags)
}

func TestNodeStatsD(t *testing.T) {
	s := startNodeStatsD(t)
	s.send(t, "jobs:2|c", "jobs:0.5|c", "load:0|g", "load:-5|g", "duration:1500|ms")
	s.send(t, "jobs:3|c|@0.5", "duration:500.5|ms|@1", "jobs:1|c|#queue:mail")
	s.await(t, values{"jobs{}": 8.5, `jobs{queue="mail"}`: 1, "load{}": -5, "duration_count{}": 2, "duration_sum{}": 2000.5})
}

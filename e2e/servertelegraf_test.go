package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Inputs of Telegraf; %s is the address. Counters, gauges and timings are kept, so that the
// last line of a series has all that came. One thread parses: with the default of five Telegraf
// takes datagrams out of order, so that a gauge may keep an older value, and the lines of two
// datagrams mingle.
const (
	telegrafStatsD = `[[inputs.statsd]]
service_address = %q
delete_counters = false
delete_gauges = false
delete_timings = false
percentiles = [50, 99]
percentile_limit = 100000
number_workers_threads = 1
`
	telegrafDogStatsD = telegrafStatsD + `datadog_extensions = true
datadog_distributions = true
`
	telegrafUnixInflux = `[[inputs.socket_listener]]
service_address = "unixgram://%s"
data_format = "influx"
`
	telegrafInflux = `[[inputs.socket_listener]]
service_address = "udp://%s"
data_format = "influx"
`
)

// startTelegraf starts a Telegraf with an input. A series is name_field with its tags.
func startTelegraf(t *testing.T, input string) *server {
	t.Helper()
	s := newServer(t)
	s.startTelegraf(t, input)
	return s
}

func (s *server) startTelegraf(t *testing.T, input string) {
	t.Helper()
	program := serverProgram(t, "bin", "telegraf")
	out := &jsonFile[telegrafLine]{path: filepath.Join(s.dir, "out.json")}
	s.run(t, program, "--debug", "--config", s.file(t, "telegraf.conf", `[agent]
interval = "200ms"
flush_interval = "200ms"
flush_jitter = "0s"
round_interval = false
omit_hostname = true
[[outputs.file]]
files = ["out.json"]
data_format = "json"
json_timestamp_units = "1ns"
`+fmt.Sprintf(input, s.address)))
	s.read = func() (values, error) { return writtenByTelegraf(out) }
	line := probe + ":1|c"
	if strings.Contains(input, "influx") {
		line = probe + " value=1"
	}
	s.ready(t, line)
}

// telegrafLine is what Telegraf writes of a series in an interval.
type telegrafLine struct {
	Name   string
	Tags   map[string]string
	Fields map[string]any
}

// telegrafTypes are the types of metrics of StatsD.
var telegrafTypes = []string{"counter", "gauge", "timing", "histogram", "distribution", "set"}

// writtenByTelegraf returns the last values of all series in a file. The tag with which Telegraf
// says the type of a metric of StatsD is left out.
func writtenByTelegraf(file *jsonFile[telegrafLine]) (values, error) {
	lines, err := file.lines()
	v := values{}
	for _, line := range lines {
		if slices.Contains(telegrafTypes, line.Tags["metric_type"]) {
			delete(line.Tags, "metric_type")
		}
		for field, value := range line.Fields {
			if number, ok := value.(float64); ok {
				v.set(line.Name+"_"+field, number, line.Tags)
			}
		}
	}
	return v, err
}

func TestTelegrafStatsD(t *testing.T) {
	s := startTelegraf(t, telegrafStatsD)
	s.send(t, "jobs:2|c", "jobs:3|c|@0.5", "load:0|g", "load:-5|g", "duration:1500|ms", "duration:500|ms|@0.5")
	s.await(t, values{"jobs_value{}": 8, "load_value{}": -5, "duration_sum{}": 2500, "duration_count{}": 3})
}

func TestTelegrafDogStatsD(t *testing.T) {
	s := startTelegraf(t, telegrafDogStatsD)
	queue := map[string]string{"queue": "mail", "zone": "a"}
	s.send(t, "jobs:2|c|#queue:mail,zone:a", "size:7|h|@0.5|#queue:mail,zone:a")
	s.send(t, "jobs:3|c|#zone:a,queue:mail")
	want := values{}
	want.set("jobs_value", 5, queue)
	want.set("size_count", 2, queue)
	want.set("size_sum", 14, queue)
	s.await(t, want)
}

func TestTelegrafInflux(t *testing.T) {
	s := startTelegraf(t, telegrafInflux)
	s.send(t, `jobs,queue=mail,zone=a\ b value=5i,sum=-0.5 1700000000000000000`, `load value=1e+21`)
	zone := map[string]string{"queue": "mail", "zone": "a b"}
	want := values{"load_value{}": 1e21}
	want.set("jobs_value", 5, zone)
	want.set("jobs_sum", -0.5, zone)
	s.awaitOnly(t, want)
}

package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startInfluxDB starts an InfluxDB 1. A series is measurement_field with its tags.
func startInfluxDB(t *testing.T) *server {
	t.Helper()
	program := serverProgram(t, "debian", "usr", "bin", "influxd")
	s := newServer(t)
	web := local(t)
	s.run(t, program, "run", "-config", s.file(t, "influxdb.conf", fmt.Sprintf(`reporting-disabled = true
bind-address = %[3]q
[meta]
  dir = "%[1]s/meta"
[data]
  dir = "%[1]s/data"
  wal-dir = "%[1]s/wal"
[monitor]
  store-enabled = false
[http]
  bind-address = %[2]q
  log-enabled = false
[[udp]]
  enabled = true
  bind-address = %[4]q
  database = "e2e"
  batch-timeout = "100ms"
`, s.dir, web, local(t), s.address)))
	s.read = func() (values, error) { return queriedFromInfluxDB(web) }
	s.ready(t, probe+" value=1")
	return s
}

// queriedFromInfluxDB returns the last values of all series.
func queriedFromInfluxDB(web string) (values, error) {
	text, err := fetch("http://" + web + "/query?db=e2e&epoch=ns&q=" + url.QueryEscape("SELECT * FROM /.*/ GROUP BY *"))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Results []struct {
			Error  string
			Series []struct {
				Name    string
				Tags    map[string]string
				Columns []string
				Values  [][]any
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return nil, err
	}
	v := values{}
	for _, result := range answer.Results {
		if result.Error != "" {
			return nil, fmt.Errorf("InfluxDB: %s", result.Error)
		}
		for _, one := range result.Series {
			for key, value := range one.Tags { // those of the measurement that this series has not
				if value == "" {
					delete(one.Tags, key)
				}
			}
			for _, row := range one.Values {
				for i, column := range one.Columns {
					if number, ok := row[i].(float64); ok && column != "time" {
						v.set(one.Name+"_"+column, number, one.Tags)
					}
				}
			}
		}
	}
	return v, nil
}

// startVictoriaMetrics starts a VictoriaMetrics. A series is measurement_field with its tags.
func startVictoriaMetrics(t *testing.T) *server {
	t.Helper()
	program := serverProgram(t, "debian", "usr", "bin", "victoria-metrics")
	s := newServer(t)
	web := local(t)
	s.run(t, program, "-httpListenAddr="+web, "-influxListenAddr="+s.address, "-storageDataPath="+s.dir+"/data",
		"-memory.allowedBytes=64MiB", "-retentionPeriod=100y", "-search.latencyOffset=1ms") // else PromQL sees nothing of the last 30 s
	s.web = web
	s.read = func() (values, error) { return exportedByVictoriaMetrics(web) }
	s.ready(t, probe+" value=1")
	return s
}

// exportedByVictoriaMetrics returns the last values of all series.
func exportedByVictoriaMetrics(web string) (values, error) {
	if _, err := fetch("http://" + web + "/internal/force_flush"); err != nil {
		return nil, err
	}
	text, err := fetch("http://" + web + "/api/v1/export?match[]=" + url.QueryEscape(`{__name__!=""}`))
	if err != nil {
		return nil, err
	}
	v := values{}
	for line := range strings.Lines(text) {
		var one struct {
			Metric map[string]string
			Values []float64
		}
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			return nil, fmt.Errorf("%w: %s", err, line)
		}
		name := one.Metric["__name__"]
		delete(one.Metric, "__name__")
		delete(one.Metric, "db") // the database's, which UDP does not name
		for _, value := range one.Values {
			v.set(name, value, one.Metric)
		}
	}
	return v, nil
}

// testInflux sends Influx lines.
func testInflux(t *testing.T, s *server) {
	t.Helper()
	now := time.Now().Truncate(time.Second)
	s.send(t, fmt.Sprintf(`jobs,queue=mail,zone=a\ b value=5i,sum=-0.5 %d`, now.Add(-time.Second).UnixNano()), "load value=1e+21")
	s.send(t, fmt.Sprintf(`jobs,queue=mail,zone=a\ b value=7i,sum=0.25 %d`, now.UnixNano()))
	zone := map[string]string{"queue": "mail", "zone": "a b"}
	want := values{"load_value{}": 1e21}
	want.set("jobs_value", 7, zone)
	want.set("jobs_sum", 0.25, zone)
	s.awaitOnly(t, want)
	require.NotContains(t, s.logged(t), "panic")
}

func TestInfluxDB(t *testing.T)        { testInflux(t, startInfluxDB(t)) }
func TestVictoriaMetrics(t *testing.T) { testInflux(t, startVictoriaMetrics(t)) }

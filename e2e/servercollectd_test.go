package e2e

import (
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// startCollectd starts collectd with its statsd plugin. A series is the plugin's type and
// instance: derive-jobs, gauge-load, latency-duration-sum.
func startCollectd(t *testing.T) *server {
	t.Helper()
	program := serverProgram(t, "debian", "usr", "sbin", "collectd")
	root := filepath.Join(serversDirectory(t), "debian")
	s := newServer(t)
	host, port, err := net.SplitHostPort(s.address)
	require.NoError(t, err)
	s.run(t, program, "-f", "-C", s.file(t, "collectd.conf", fmt.Sprintf(`Hostname "e2e"
FQDNLookup false
Interval 0.2
BaseDir %[1]q
PIDFile "%[1]s/pid"
PluginDir "%[2]s/usr/lib/collectd"
TypesDB "%[2]s/usr/share/collectd/types.db"
LoadPlugin logfile
<Plugin logfile>
  LogLevel debug
  File stderr
</Plugin>
LoadPlugin statsd
<Plugin statsd>
  Host %[3]q
  Port %[4]q
  TimerSum true
  TimerCount true
</Plugin>
LoadPlugin csv
<Plugin csv>
  DataDir "%[1]s/csv"
  StoreRates false
</Plugin>
`, s.dir, root, host, port)))
	s.read = func() (values, error) { return writtenByCollectd(filepath.Join(s.dir, "csv")) }
	s.ready(t, probe+":1|c")
	return s
}

// dayFile is the name of a file of one series and one day.
var dayFile = regexp.MustCompile(`^(.*)(-\d{4}-\d{2}-\d{2})$`)

// writtenByCollectd returns the values in the files of a directory, the last line's; of what
// is counted anew in each interval, their sum.
func writtenByCollectd(dir string) (values, error) {
	v := values{}
	files, err := filepath.Glob(filepath.Join(dir, "*", "statsd", "*"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		name := dayFile.FindStringSubmatch(filepath.Base(file))
		if name == nil {
			continue
		}
		written, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		series, anew := strings.TrimPrefix(name[1], "derive-")+"{}", ofTimer(files, name[1], name[2])
		for line := range strings.Lines(string(written)) {
			_, text, _ := strings.Cut(strings.TrimSpace(line), ",")
			number, err := strconv.ParseFloat(text, 64)
			switch {
			case err != nil || math.IsNaN(number): // the heading; nothing in this interval
			case anew:
				v[series] += number
			default:
				v[series] = number
			}
		}
	}
	return v, nil
}

// ofTimer says whether a series is the sum or the count of a timer, which has both.
func ofTimer(files []string, name, day string) bool {
	if strings.HasPrefix(name, "latency-") {
		return strings.HasSuffix(name, "-sum")
	}
	timer, counts := strings.CutSuffix(strings.TrimPrefix(name, "gauge-"), "-count")
	return counts && slices.ContainsFunc(files, func(file string) bool { return filepath.Base(file) == "latency-"+timer+"-sum"+day })
}

func TestCollectd(t *testing.T) {
	s := startCollectd(t)
	s.send(t, "jobs:2|c", "load:0|g", "load:-5.5|g", "duration:1500|ms")
	s.send(t, "jobs:3|c|@0.5", "duration:500|ms")
	s.await(t, values{"jobs{}": 8, "gauge-load{}": -5.5, "latency-duration-sum{}": 2, "gauge-duration-count{}": 2})
}

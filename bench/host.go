package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// peers are the modules whose versions matter.
var peers = []string{
	"github.com/DataDog/datadog-go/v5", "github.com/VictoriaMetrics/metrics", "github.com/prometheus/client_golang",
	"github.com/puzpuzpuz/xsync/v4", "go.opentelemetry.io/otel/sdk/metric",
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp", "google.golang.org/protobuf",
}

// printHost says where the figures were measured, and beside what.
func printHost(out io.Writer, rounds int) {
	fmt.Fprintf(out, "%s %s/%s, %d CPUs%s, GOGC=%s, load average %s, net.core.rmem_default %s\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), cpuModel(),
		cmp.Or(os.Getenv("GOGC"), "100"), contents("/proc/loadavg"), contents("/proc/sys/net/core/rmem_default"))
	fmt.Fprintln(out, strings.Join(peerVersions(), ", "))
	fmt.Fprintf(out, "%d rounds each, median (least..most)\n\n", rounds)
}

func peerVersions() (versions []string) {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return []string{"versions of the others unknown"}
	}
	for _, m := range build.Deps {
		if slices.Contains(peers, m.Path) {
			versions = append(versions, m.Path+" "+m.Version)
		}
	}
	return versions
}

// contents is what a small file says, on one line.
func contents(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "model name"); ok {
			return " (" + strings.Trim(name, "\t :") + ")"
		}
	}
	return ""
}

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// peers are the modules whose versions matter.
var peers = []string{
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/statsdreceiver",
	"go.opentelemetry.io/collector/receiver", "go.opentelemetry.io/collector/receiver/otlpreceiver", "go.opentelemetry.io/collector/pdata",
	"go.opentelemetry.io/otel/sdk/metric",
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc", "go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp",
	"google.golang.org/grpc",
}

// printHost says when, where and how the figures were measured, and beside what.
func printHost(out io.Writer, s settings) {
	fmt.Fprintf(out, "%s, %s %s/%s, %d CPUs%s, load average %s, net.core.rmem_default %s, rmem_max %s\n",
		time.Now().UTC().Format(time.DateTime), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), cpuModel(),
		contents("/proc/loadavg"), contents("/proc/sys/net/core/rmem_default"), contents("/proc/sys/net/core/rmem_max"))
	fmt.Fprintln(out, strings.Join(peerVersions(), ", "))
	fmt.Fprintf(out, "go run . %s: %d rounds each, median (least..most)\n", strings.Join(os.Args[1:], " "), s.rounds)
	if s.quick {
		fmt.Fprintln(out, "quick: the figures mean nothing")
	}
	fmt.Fprintln(out)
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

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/otelgram/otelgram/internal/benchreport"
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
	fmt.Fprintf(out, "%s, %s, load average %s, net.core.rmem_default %s, rmem_max %s\n",
		time.Now().UTC().Format(time.DateTime), benchreport.Host(),
		benchreport.Contents("/proc/loadavg"), benchreport.Contents("/proc/sys/net/core/rmem_default"), benchreport.Contents("/proc/sys/net/core/rmem_max"))
	fmt.Fprintln(out, benchreport.Versions(peers...))
	fmt.Fprintf(out, "go run . %s: %d rounds each, median (least..most)\n", strings.Join(os.Args[1:], " "), s.rounds)
	if s.quick {
		fmt.Fprintln(out, "quick: the figures mean nothing")
	}
	fmt.Fprintln(out)
}

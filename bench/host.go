package main

import (
	"cmp"
	"fmt"
	"io"
	"os"

	"github.com/otelgram/otelgram/internal/benchreport"
)

// peers are the modules whose versions matter.
var peers = []string{
	"github.com/DataDog/datadog-go/v5", "github.com/VictoriaMetrics/metrics", "github.com/cactus/go-statsd-client/v5",
	"github.com/influxdata/line-protocol/v2", "github.com/prometheus/client_golang",
	"github.com/puzpuzpuz/xsync/v4", "go.opentelemetry.io/otel/sdk/metric",
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc",
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp", "google.golang.org/protobuf",
}

// printHost says where the figures were measured, and beside what.
func printHost(out io.Writer, rounds int) {
	fmt.Fprintf(out, "%s, GOGC=%s, load average %s, net.core.rmem_default %s\n",
		benchreport.Host(),
		cmp.Or(os.Getenv("GOGC"), "100"), benchreport.Contents("/proc/loadavg"), benchreport.Contents("/proc/sys/net/core/rmem_default"))
	fmt.Fprintln(out, benchreport.Versions(peers...))
	fmt.Fprintf(out, "%d rounds each, median (least..most)\n\n", rounds)
}

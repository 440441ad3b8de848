// Otelcol-otelgram is an OpenTelemetry Collector that takes metrics from otelgram's
// exporter, over UDP or from a Unix datagram socket, and sends them to Prometheus or to
// whatever takes OTLP.
//
// Usage:
//
//	otelcol-otelgram --config try.yaml
//	otelcol-otelgram validate --config try.yaml
//	otelcol-otelgram components
//
// The first runs a Collector until it is interrupted, the second says whether a
// configuration is valid, and the third prints what the program contains. --config can be
// repeated: a later file wins over an earlier one. --set changes one setting, such as
// --set=receivers::otelgram::endpoint=localhost:4320.
//
// The files in collector/config are configurations to begin with. The program is what the
// OpenTelemetry Collector Builder makes of builder.yaml: another distribution with the
// same receiver needs no more than the line of the receiver in that file.
package main

import (
	"os"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/otelcol"
)

// name is what the program is called, in its usage and in the resource of its own metrics.
const name = "otelcol-otelgram"

// version is what --version prints. A release sets it:
//
//	go build -ldflags "-X main.version=v1.2.3" ./cmd/otelcol-otelgram
var version = "v0.0.0-dev"

func main() {
	if err := otelcol.NewCommand(settings()).Execute(); err != nil {
		os.Exit(1) // the command has printed the error
	}
}

// settings says what this Collector is made of. A configuration is a file, a text (yaml:)
// or the value of an environment variable (env:NAME); ${NAME} within one is the variable.
func settings() otelcol.CollectorSettings {
	return otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{
			Command:     name,
			Description: "OpenTelemetry Collector with a receiver for otelgram",
			Version:     version,
		},
		Factories: components,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{
			ResolverSettings: confmap.ResolverSettings{
				ProviderFactories: []confmap.ProviderFactory{
					envprovider.NewFactory(),
					fileprovider.NewFactory(),
					yamlprovider.NewFactory(),
				},
				DefaultScheme: "env",
			},
		},
		ProviderModules: map[string]string{
			"env":  "go.opentelemetry.io/collector/confmap/provider/envprovider v1.71.0",
			"file": "go.opentelemetry.io/collector/confmap/provider/fileprovider v1.71.0",
			"yaml": "go.opentelemetry.io/collector/confmap/provider/yamlprovider v1.71.0",
		},
	}
}

package main

import (
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusremotewriteexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/cumulativetodeltaprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"

	"github.com/otelgram/otelgram/collector/otelgramreceiver"
)

// part is a component and the module that it comes from, with the version. builder.yaml
// names the same modules, and go.mod requires them: TestManifest compares the three.
type part[F component.Factory] struct {
	factory F
	module  string
}

var (
	extensions = []part[extension.Factory]{
		{healthcheckextension.NewFactory(), "github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension v0.165.1"},
	}
	receivers = []part[receiver.Factory]{
		{otelgramreceiver.NewFactory(), "github.com/otelgram/otelgram/collector v0.0.0"},
		{otlpreceiver.NewFactory(), "go.opentelemetry.io/collector/receiver/otlpreceiver v0.165.0"},
	}
	processors = []part[processor.Factory]{
		{batchprocessor.NewFactory(), "go.opentelemetry.io/collector/processor/batchprocessor v0.165.0"},
		{memorylimiterprocessor.NewFactory(), "go.opentelemetry.io/collector/processor/memorylimiterprocessor v0.165.0"},
		{cumulativetodeltaprocessor.NewFactory(), "github.com/open-telemetry/opentelemetry-collector-contrib/processor/cumulativetodeltaprocessor v0.165.1"},
		{deltatocumulativeprocessor.NewFactory(), "github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor v0.165.1"},
	}
	exporters = []part[exporter.Factory]{
		{debugexporter.NewFactory(), "go.opentelemetry.io/collector/exporter/debugexporter v0.165.0"},
		{otlpexporter.NewFactory(), "go.opentelemetry.io/collector/exporter/otlpexporter v0.165.0"},
		{otlphttpexporter.NewFactory(), "go.opentelemetry.io/collector/exporter/otlphttpexporter v0.165.0"},
		{prometheusexporter.NewFactory(), "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter v0.165.1"},
		{prometheusremotewriteexporter.NewFactory(), "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusremotewriteexporter v0.165.1"},
	}
)

// components returns the factories of what a configuration can name.
func components() (otelcol.Factories, error) {
	f := otelcol.Factories{Telemetry: otelconftelemetry.NewFactory()}
	var err error
	if f.Extensions, f.ExtensionModules, err = factories(extensions); err != nil {
		return otelcol.Factories{}, err
	}
	if f.Receivers, f.ReceiverModules, err = factories(receivers); err != nil {
		return otelcol.Factories{}, err
	}
	if f.Processors, f.ProcessorModules, err = factories(processors); err != nil {
		return otelcol.Factories{}, err
	}
	if f.Exporters, f.ExporterModules, err = factories(exporters); err != nil {
		return otelcol.Factories{}, err
	}
	return f, nil
}

// factories returns the factories of parts by type, and their modules. A component that
// was renamed has its old name in both, too: the Collector warns of it.
func factories[F component.Factory](parts []part[F]) (map[component.Type]F, map[component.Type]string, error) {
	list := make([]F, 0, len(parts))
	for _, p := range parts {
		list = append(list, p.factory)
	}
	byType, err := otelcol.MakeFactoryMap(list...)
	if err != nil {
		return nil, nil, err
	}
	modules := make(map[component.Type]string, len(byType))
	for _, p := range parts {
		modules[p.factory.Type()] = p.module
		if renamed, ok := any(p.factory).(interface{ DeprecatedAlias() component.Type }); ok && renamed.DeprecatedAlias().String() != "" {
			modules[renamed.DeprecatedAlias()] = p.module
		}
	}
	return byType, modules, nil
}

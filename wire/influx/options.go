package influx

// Options are what can be chosen. The zero value is safe for every server that the package
// documentation names.
type Options struct {
	// Resource lists the attributes of the resource that go with each point; "*" stands for
	// all. nil means service.namespace, service.name, service.instance.id and
	// deployment.environment.name. An attribute of the point wins over an attribute of the
	// resource.
	Resource []string
	// Scope adds otel.scope.name, otel.scope.version and the attributes of the
	// instrumentation scope.
	Scope bool
	// Floats writes integers as floats. InfluxDB takes only one type for a field. So
	// without Floats two metrics of one name, one of integers and one of floats, would
	// conflict.
	Floats bool
}

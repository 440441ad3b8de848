package statsd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/otelgram/otelgram/wire/internal/flat"
)

// Dialect is a kind of server.
type Dialect uint8

// The dialects.
const (
	StatsD    Dialect = iota // etsy's: no tags
	DogStatsD                // Datadog's: tags
)

// String returns the dialect's name.
func (d Dialect) String() string {
	if d == DogStatsD {
		return "dogstatsd"
	}
	return "statsd"
}

// Tags says where StatsD has attributes. DogStatsD has them as tags.
type Tags uint8

// The places of attributes.
const (
	// InName makes them parts of the name: requests.method.GET.status.200.
	InName Tags = iota
	// AfterComma is what Telegraf and statsd_exporter take:
	// requests,method=GET,status=200.
	AfterComma
	// Omitted leaves them out. Then all series of a metric are one, and Stats count these
	// collisions.
	Omitted
)

// Histograms says what histograms become.
type Histograms uint8

// The forms of histograms.
const (
	// Automatic is Counters in StatsD, and Distributions in DogStatsD.
	Automatic Histograms = iota
	// Distributions sends a value for each bucket, with a sample rate that says how many
	// measurements there were.
	Distributions
	// Counters sends counters: name.count, name.sum, and for each bound name.bucket, the
	// number of measurements up to it.
	Counters
)

// Options are what can be chosen. The zero value does no harm to any server that the
// package documentation names.
type Options struct {
	// Tags is where StatsD has attributes.
	Tags Tags
	// Resource lists the attributes of the resource that go with each point; "*" stands for
	// all. nil means service.namespace, service.name, service.instance.id and
	// deployment.environment.name in DogStatsD, and none in StatsD. An attribute of the
	// point wins over an attribute of the resource.
	Resource []string
	// Scope adds otel.scope.name, otel.scope.version and the attributes of the
	// instrumentation scope.
	Scope bool
	// Histograms is what histograms become.
	Histograms Histograms
	// Type is the type of the values of Distributions: "ms", "h" or "d". The default is ms
	// in StatsD, h in DogStatsD, and d for a Datadog agent. With ms a value in seconds
	// (unit "s") is sent in milliseconds.
	Type string
	// Fractions sends counters with their fractions, for servers that take them. Otherwise
	// the integer part is sent and the rest is carried to the next point.
	Fractions bool
	// MaxName cuts names to that many bytes. With InName it cuts the attributes, so that
	// both together have no more; points whose attributes are cut count as Parts. MaxTag
	// cuts tags. 0 means no limit, and 200 for a Datadog agent.
	MaxName, MaxTag int
	// Agent says that the server is a Datadog agent: negative gauges are sent without a
	// zero before them, and values of equal weight share a line.
	Agent bool
	// Timestamps adds the time to counters and gauges, in seconds, for a Datadog agent. The
	// agent does not add up lines with a time, so no series may have two points in one
	// second: do not use it in event mode.
	Timestamps bool
	// Container is the id of the container, for a Datadog agent: ci-<id> or in-<inode>.
	Container string
}

const (
	agentName = 200
	agentTag  = 200
	minName   = 64
	minTag    = 16
)

// Validate returns an error for the first field with a value that is not allowed in a
// dialect.
func (o Options) Validate(d Dialect) error {
	switch {
	case o.Tags > Omitted:
		return fmt.Errorf("unknown Tags %d: want InName, AfterComma or Omitted", o.Tags)
	case d == DogStatsD && o.Tags != InName:
		return fmt.Errorf("there is no Tags %d in dogstatsd: attributes are tags", o.Tags)
	case o.Histograms > Counters:
		return fmt.Errorf("unknown Histograms %d: want Automatic, Distributions or Counters", o.Histograms)
	case o.Type != "" && o.Type != "ms" && o.Type != "h" && o.Type != "d":
		return fmt.Errorf("unknown Type %q: want ms, h or d", o.Type)
	case o.MaxName != 0 && o.MaxName < minName:
		return fmt.Errorf("the MaxName %d: must be 0, or %d at least", o.MaxName, minName)
	case o.MaxTag != 0 && o.MaxTag < minTag:
		return fmt.Errorf("the MaxTag %d: must be 0, or %d at least", o.MaxTag, minTag)
	case o.Agent && d != DogStatsD:
		return fmt.Errorf("the switch Agent is for dogstatsd, not for %s", d)
	case o.Timestamps && !o.Agent:
		return errors.New("with Timestamps there must be Agent: other servers refuse them")
	case o.Container != "" && !o.Agent:
		return fmt.Errorf("the Container %q without Agent: other servers refuse it", o.Container)
	case strings.ContainsAny(o.Container, "|\n"):
		return fmt.Errorf("the Container %q must not contain | or a newline", o.Container)
	}
	return nil
}

// withDefaults returns the options with defaults for the fields that are not set.
func (o Options) withDefaults(d Dialect) Options {
	if o.Resource == nil && d == DogStatsD {
		o.Resource = flat.DefaultResource
	}
	if o.Histograms == Automatic {
		o.Histograms = Counters
		if d == DogStatsD {
			o.Histograms = Distributions
		}
	}
	if o.Type == "" {
		switch {
		case o.Agent:
			o.Type = "d"
		case d == DogStatsD:
			o.Type = "h"
		default:
			o.Type = "ms"
		}
	}
	if o.Agent {
		o.Fractions = true
		if o.MaxName == 0 {
			o.MaxName = agentName
		}
		if o.MaxTag == 0 {
			o.MaxTag = agentTag
		}
	}
	return o
}

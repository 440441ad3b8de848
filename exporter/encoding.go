package exporter

import (
	"fmt"
	"strings"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/pipeline"
	"github.com/otelgram/otelgram/wire/influx"
	"github.com/otelgram/otelgram/wire/plain"
	"github.com/otelgram/otelgram/wire/statsd"
)

// Encoding is how points are written into packets. Every encoding except Compact leaves
// something of a point out. The documentation of its package says what, and [Stats].LeftOut
// counts it.
type Encoding uint8

// The encodings.
const (
	// Compact carries the full OpenTelemetry data model in few bytes, for receivers of
	// otelgram. Package wire has its specification.
	Compact Encoding = iota + 1
	// Plain carries numbers with tags in a simple binary layout, for receivers of otelgram
	// and for programs of one's own; see package wire/plain.
	Plain
	// StatsD is the protocol of etsy's server, with attributes in names; see package
	// wire/statsd.
	StatsD
	// DogStatsD is StatsD with tags, as Datadog has it; see package wire/statsd.
	DogStatsD
	// Influx is InfluxDB's line protocol; see package wire/influx.
	Influx
)

// encodings holds the name of each encoding and how its encoder is made. serverTakes is how
// many bytes of a packet the servers of the encoding take, or 0 for any number. most is the
// largest packet that the encoding allows, or 0 for any size.
var encodings = [...]struct {
	name        string
	serverTakes int
	most        int
	new         func(c *config, bytes int, m *account.Budget) (pipeline.Encoder, error)
}{
	Compact: {name: "compact", new: func(_ *config, bytes int, m *account.Budget) (pipeline.Encoder, error) {
		return pipeline.NewCompact(bytes, m)
	}},
	Plain: {name: "plain", serverTakes: plain.MostBytes, most: plain.MostBytes, new: func(c *config, bytes int, m *account.Budget) (pipeline.Encoder, error) {
		return plain.NewEncoder(c.plain, bytes, account.NewShares(m, textShare)), nil
	}},
	StatsD: {name: "statsd", serverTakes: statsd.MaxDatagram(statsd.StatsD), new: func(c *config, bytes int, m *account.Budget) (pipeline.Encoder, error) {
		return statsd.New(statsd.StatsD, c.statsd, bytes, account.NewShares(m, textShare))
	}},
	DogStatsD: {name: "dogstatsd", serverTakes: statsd.MaxDatagram(statsd.DogStatsD), new: func(c *config, bytes int, m *account.Budget) (pipeline.Encoder, error) {
		return statsd.New(statsd.DogStatsD, c.dogstatsd, bytes, account.NewShares(m, textShare))
	}},
	Influx: {name: "influx", new: func(c *config, bytes int, m *account.Budget) (pipeline.Encoder, error) {
		return influx.New(c.influx, bytes, account.NewShares(m, textShare)), nil
	}},
}

func (e Encoding) known() bool { return e >= Compact && int(e) < len(encodings) }

// String returns the encoding's name as it stands in the environment.
func (e Encoding) String() string {
	if e.known() {
		return encodings[e].name
	}
	return fmt.Sprintf("Encoding(%d)", uint8(e))
}

// MarshalText implements [encoding.TextMarshaler].
func (e Encoding) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. The case of letters does not matter.
func (e *Encoding) UnmarshalText(text []byte) error {
	parsed, err := parseEncoding(string(text))
	if err != nil {
		return fmt.Errorf("otelgram: encoding %q: %w", text, err)
	}
	*e = parsed
	return nil
}

// encodingsAllowed returns the names of all encodings, for error messages.
func encodingsAllowed() string {
	var names []string
	for e := Compact; e.known(); e++ {
		names = append(names, e.String())
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

func parseEncoding(s string) (Encoding, error) {
	for e := Compact; e.known(); e++ {
		if strings.EqualFold(s, e.String()) {
			return e, nil
		}
	}
	return 0, fmt.Errorf("unknown encoding: want %s", encodingsAllowed())
}

// textShare is the part of the budget, one in textShare, that is set aside for the texts of
// names and attribute sets. Such texts can be made anew.
const textShare = 8

// maxPacketSize returns how large packets may be, in bytes, or 0 if the configuration does
// not say.
func (c *config) maxPacketSize() int {
	if most := encodings[c.encoding].most; most > 0 {
		return min(c.packetSize, most)
	}
	return c.packetSize
}

// newEncoder returns the function that makes the encoder of c.
func (c *config) newEncoder() pipeline.NewEncoder {
	e := &encodings[c.encoding]
	return func(bytes int, m *account.Budget) (pipeline.Encoder, error) { return e.new(c, bytes, m) }
}

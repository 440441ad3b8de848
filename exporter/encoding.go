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

// Encoding is how points are written into packets. All but Compact leave something of a
// point out; the documentation of their packages says what, and [Stats].LeftOut counts it.
type Encoding uint8

// The encodings.
const (
	// Compact is the full OpenTelemetry data model in few bytes, for receivers of
	// otelgram; see package wire for its specification.
	Compact Encoding = iota + 1
	// Plain is numbers with tags in a simple binary layout, for receivers of otelgram and
	// for programs of one's own; see package wire/plain.
	Plain
	// StatsD is the protocol of etsy's server, with attributes in names; see package
	// wire/statsd.
	StatsD
	// DogStatsD is StatsD with tags, as Datadog has it; see package wire/statsd.
	DogStatsD
	// Influx is InfluxDB's line protocol; see package wire/influx.
	Influx
)

// An encoding stands here with its name, and how its encoder is made. serverTakes is how many
// bytes of a packet its servers take, 0 for any, and most how many a packet has in any case.
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

// encodingsAllowed is for messages.
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

// textShare is the part of the budget that is set aside for the texts of names and attribute
// sets, which can be made anew.
const textShare = 8

// maxPacketSize returns how large packets are at most, in bytes, where that is said.
func (c *config) maxPacketSize() int {
	if most := encodings[c.encoding].most; most > 0 {
		return min(c.packetSize, most)
	}
	return c.packetSize
}

// newEncoder returns what makes the encoder that c asks for.
func (c *config) newEncoder() pipeline.NewEncoder {
	e := &encodings[c.encoding]
	return func(bytes int, m *account.Budget) (pipeline.Encoder, error) { return e.new(c, bytes, m) }
}

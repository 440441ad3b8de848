package exporter

import (
	"fmt"
	"strings"
)

// Encoding is how points are written into packets.
type Encoding uint8

// The encodings.
const (
	// Compact is the full OpenTelemetry data model in few bytes; see package
	// wire for its specification.
	Compact Encoding = iota + 1
)

// String returns the encoding's name as it stands in the environment.
func (e Encoding) String() string {
	if e == Compact {
		return "compact"
	}
	return fmt.Sprintf("Encoding(%d)", uint8(e))
}

func parseEncoding(s string) (Encoding, error) {
	if strings.EqualFold(s, Compact.String()) {
		return Compact, nil
	}
	return 0, fmt.Errorf("unknown encoding: want %s", Compact)
}

package direct

import (
	"fmt"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

const maxNameLen = 255

// validateName applies the rule for instrument names (opentelemetry-specification,
// metrics/api.md, "Instrument name syntax"). As in the SDK, an instrument with a bad name
// works all the same.
func validateName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", sdkmetric.ErrInstrumentName)
	case len(name) > maxNameLen:
		return fmt.Errorf("%w: %q: longer than %d characters", sdkmetric.ErrInstrumentName, name, maxNameLen)
	case !letter(name[0]):
		return fmt.Errorf("%w: %q: must start with a letter", sdkmetric.ErrInstrumentName, name)
	}
	for i := range len(name) {
		if !nameByte(name[i]) {
			return fmt.Errorf("%w: %q: must hold only letters, digits and _ . - /", sdkmetric.ErrInstrumentName, name)
		}
	}
	return nil
}

func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func nameByte(c byte) bool {
	return letter(c) || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-' || c == '/'
}

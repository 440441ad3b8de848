package statsd_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func mustFloat(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return v
}

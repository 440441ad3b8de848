package testsize_test

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/testsize"
)

func TestForms(t *testing.T) {
	for value, long := range map[string]bool{"": false, "short": false, "long": true} {
		t.Setenv(testsize.Variable, value)
		assert.Equal(t, long, testsize.Long(), value)
		assert.Equal(t, map[bool]int{false: 1, true: 2}[long], testsize.Pick(1, 2), value)
	}
	t.Setenv(testsize.Variable, "Long")
	assert.Panics(t, func() { testsize.Long() })
}

func TestWaitTogether(t *testing.T) {
	parallel := flag.Lookup("test.parallel").Value
	before := parallel.String()
	testsize.WaitTogether(17)
	assert.Equal(t, "17", parallel.String())
	require.NoError(t, parallel.Set(before))
}

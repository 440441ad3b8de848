package exporter_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/internal/testsize"
)

func TestMain(m *testing.M) {
	testsize.WaitTogether(16)
	goleak.VerifyTestMain(m)
}

//go:build linux

package faults

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/internal/testsize"
)

// roleVariable makes this binary one end of a test, in a process of its own that can be
// killed, stopped and put into a network namespace.
const roleVariable = "OTELGRAM_FAULTS_ROLE"

func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleVariable)]; ok {
		if err := role(os.Args[len(os.Args)-1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	testsize.WaitTogether(16)
	goleak.VerifyTestMain(m)
}

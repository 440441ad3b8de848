package testsize

import (
	"flag"
	"fmt"
	"os"
	"strconv"
)

// Variable is the environment variable that chooses the form of all tests.
const Variable = "OTELGRAM_TESTS"

// Long reports whether tests run in their long form. A value that Variable cannot have
// panics: a test that is short by mistake would look as if it had passed in full.
func Long() bool {
	switch value := os.Getenv(Variable); value {
	case "", "short":
		return false
	case "long":
		return true
	default:
		panic(fmt.Sprintf("%s is %q: it can be \"long\" or \"short\", which is the default", Variable, value))
	}
}

// Pick returns what a test of the present form takes.
func Pick[T any](short, long T) T {
	if Long() {
		return long
	}
	return short
}

// WaitTogether lets n parallel tests of a package run at once where the command line does
// not say how many. The default is one for each processor, which is too few where tests
// wait most of their time. TestMain calls it, before it runs the tests.
func WaitTogether(n int) {
	if err := flag.Set("test.parallel", strconv.Itoa(n)); err != nil {
		panic(err) // this is no test
	}
}

// Package testsize says how much the tests do. Each test whose work can be cut has two
// forms. The short one is for the loop of editing and testing: all that a test asserts,
// with as many rounds as it takes to assert it. The long one is for .ci/run: more rounds,
// more random data, longer waits. OTELGRAM_TESTS=long in the environment is the one switch
// between them; it is for all packages at once, and whoever runs a test with it knows that
// nothing was left short.
package testsize

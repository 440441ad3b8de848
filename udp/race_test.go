//go:build race

package udp_test

// raceEnabled says that sync.Pool, which x/net relies on, forgets at random.
const raceEnabled = true

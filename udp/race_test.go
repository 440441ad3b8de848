//go:build race

package udp_test

// raceEnabled says that sync.Pool, on which x/net relies, forgets at random.
const raceEnabled = true

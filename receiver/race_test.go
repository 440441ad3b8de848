//go:build race

package receiver

// raceEnabled says that all takes several times as long.
const raceEnabled = true

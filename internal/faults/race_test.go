//go:build race

package faults

// raceEnabled says that everything takes ten times as long, but senders and readers not by
// the same factor.
const raceEnabled = true

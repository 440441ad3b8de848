//go:build race

package faults

// raceEnabled says that everything takes ten times as long, senders and readers
// not alike.
const raceEnabled = true

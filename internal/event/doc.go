// Package event is the queue of event mode: each measurement is a point of its own, and a
// drop strategy decides under pressure which are lost. Callers push, and never wait; the
// pump takes out.
package event

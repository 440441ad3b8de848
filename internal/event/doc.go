// Package event is the queue of event mode: each measurement is a point of its own, and
// under pressure a drop strategy decides which are lost. Callers push, and never wait. The
// pump takes events out.
package event

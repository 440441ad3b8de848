package main

import (
	"fmt"
	"io"
	"time"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
)

// closeTimeout is how long the receiver may take to find out what was lost: a
// packet counts as lost when it is a second late.
const closeTimeout = 5 * time.Second

// closeBooks waits until the receiver's books are closed, prints the last line
// and returns an error if they do not close.
func closeBooks(out io.Writer, exp *exporter.Exporter, here *receiver.Receiver) error {
	s := exp.Stats()
	if here == nil {
		fmt.Fprintf(out, "\nsent %d dropped %d\n", s.Sent, s.Dropped.Total())
		return closed(s, nil)
	}
	books := here.Stats().Points
	for end := time.Now().Add(closeTimeout); closed(s, &books) != nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
		books = here.Stats().Points
	}
	fmt.Fprintln(out)
	printBooks(out, exp, here)
	fmt.Fprintf(out, "sent %d received %d lost %d dropped %d\n",
		s.Sent, books.Received, books.Lost, s.Dropped.Total())
	return closed(s, &books)
}

// closed says which equation of the books does not hold.
func closed(s exporter.Stats, p *receiver.Counts) error {
	switch {
	case s.Offered != s.Sent+s.Folded+s.Dropped.Total() || s.Queued != 0:
		return fmt.Errorf("the exporter's books do not close: %+v", s)
	case p == nil:
		return nil
	case p.Sent != s.Sent || p.Sent != p.Received+p.Lost:
		return fmt.Errorf("exporter and receiver disagree: %d sent, receiver %+v", s.Sent, *p)
	case p.Received != p.Handed+p.Rejected+p.Overrun:
		return fmt.Errorf("the receiver's books do not close: %+v", *p)
	}
	return nil
}

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/internal/faultproxy"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

// closeTimeout is how long the receiver may take to find out what was lost: a
// packet counts as lost when it is a second late.
const closeTimeout = 5 * time.Second

// The books of both ends. While points are moving, the counters are read one after the
// other and may not add up, so that only books at rest are printed as equations.
const (
	exporterMoving = "exporter  offered %d, sent %d, dropped %d, queued %d; %d packets, %d bytes\n"
	exporterAtRest = "exporter  offered %d = sent %d + dropped %d + queued %d; %d packets, %d bytes\n"
	receiverMoving = "receiver  sent %d, received %d, lost %d; delivered %d, rejected %d, overrun %d\n"
	receiverAtRest = "receiver  sent %d = received %d + lost %d; received = delivered %d + rejected %d + overrun %d\n"
)

// printMoving writes what all ends have counted so far.
func (e *ends) printMoving(w io.Writer) { e.print(w, exporterMoving, receiverMoving) }

// printAtRest writes what all ends have counted, when nothing is under way any more.
func (e *ends) printAtRest(w io.Writer) { e.print(w, exporterAtRest, receiverAtRest) }

func (e *ends) print(w io.Writer, exporterLine, receiverLine string) {
	s := e.exporter.Stats()
	fmt.Fprintf(w, exporterLine, s.Offered, s.Sent, s.Dropped.Total(), s.Queued, s.Packets, s.Bytes)
	if l := s.LeftOut; l != (wire.LeftOut{}) {
		fmt.Fprintf(w, "          of the points sent %d had nothing new to say; said without exemplars %d, without another part %d\n",
			l.Unchanged, l.Exemplars, l.Parts)
	}
	if e.proxy != nil {
		b := e.proxy.Books()
		fmt.Fprintf(w, "network   took %d points in %d packets, lost %d points in %d packets\n",
			b.Received.Points, b.Received.Packets, b.Lost.Points, b.Lost.Packets)
	}
	if e.receiver == nil {
		printHealth(w, e.exporter.Health())
	}
	if e.receiver != nil {
		p := e.receiver.Stats().Points
		fmt.Fprintf(w, receiverLine, p.Sent, p.Received, p.Lost, p.Delivered, p.Rejected, p.Overrun)
	}
}

// printHealth writes what the exporter knows of the other side: whether it refuses.
func printHealth(w io.Writer, r health.Report) {
	fmt.Fprintf(w, "health    %s, circuit %s\n", r.Status, r.Circuit)
	for _, issue := range r.Issues {
		fmt.Fprintf(w, "          %s\n", issue)
	}
}

// closeBooks waits until the receiver's books are closed, prints the last line
// and returns an error if they do not close.
func (e *ends) closeBooks(out io.Writer) error {
	s := e.exporter.Stats()
	if e.encoding != exporter.Compact {
		fmt.Fprintf(out, "\nsent %d dropped %d: what was lost on the way nobody knows in points\n", s.Sent, s.Dropped.Total())
		return closed(s, nil, nil)
	}
	if e.receiver == nil {
		fmt.Fprintf(out, "\nsent %d dropped %d: received and lost are in the books of the receiver\n", s.Sent, s.Dropped.Total())
		return closed(s, nil, nil)
	}
	books := e.receiver.Stats().Points
	for end := time.Now().Add(closeTimeout); closed(s, &books, e.network()) != nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
		books = e.receiver.Stats().Points
	}
	fmt.Fprintf(out, "\nthe books at the end\n")
	e.printAtRest(out)
	fmt.Fprintf(out, "sent %d received %d lost %d dropped %d\n",
		s.Sent, books.Received, books.Lost, s.Dropped.Total())
	return closed(s, &books, e.network())
}

func (e *ends) network() *faultproxy.Books {
	if e.proxy == nil {
		return nil
	}
	b := e.proxy.Books()
	return &b
}

// closed says which equation of the books does not hold.
func closed(s exporter.Stats, p *receiver.Counts, network *faultproxy.Books) error {
	switch {
	case s.Offered != s.Sent+s.Dropped.Total() || s.Queued != 0:
		return fmt.Errorf("the exporter's books do not close: %+v", s)
	case p == nil:
		return nil
	case p.Sent != s.Sent || p.Sent != p.Received+p.Lost:
		return fmt.Errorf("exporter and receiver disagree: %d sent, receiver %+v", s.Sent, *p)
	case p.Received != p.Delivered+p.Rejected+p.Overrun:
		return fmt.Errorf("the receiver's books do not close: %+v", *p)
	case network != nil && network.Lost.Points != p.Lost:
		return fmt.Errorf("the network lost %d points, the receiver knows of %d", network.Lost.Points, p.Lost)
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

const (
	// slowPacket is how long the slow reader is busy with each packet, and stop how
	// long the one that stops does, once in each export: after stopAfter bytes.
	slowPacket = 10 * time.Microsecond
	stop       = 8 * time.Millisecond
	stopAfter  = 100 * packetSize
	// pause tells an export from the one before.
	pause = 100 * time.Millisecond
)

// plainReader reads a socket as a simple server does: one goroutine, one packet at
// a time, the receive buffer that the system gives.
type plainReader struct {
	*arrivals
	conn       net.Conn
	endpoint   string
	reading    sync.WaitGroup
	busy, stop time.Duration
	bad        error // of the reading goroutine
}

func newPlainReader(busy, stop time.Duration) (sink, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	return startReading(conn, conn.LocalAddr().String(), busy, stop), nil
}

// newUnixReader is a plain reader of a Unix datagram socket that stops.
func newUnixReader() (sink, error) {
	dir, err := os.MkdirTemp("", "otelgram")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	return startReading(conn, "unixgram://"+path, 0, stop), nil
}

func startReading(conn net.Conn, endpoint string, busy, stop time.Duration) *plainReader {
	r := &plainReader{arrivals: newArrivals(), conn: conn, endpoint: endpoint, busy: busy, stop: stop}
	r.reading.Go(r.read)
	return r
}

func (r *plainReader) read() {
	packet := make([]byte, 65535)
	bytes, last := 0, time.Now()
	for {
		n, err := r.conn.Read(packet)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				r.bad = err
			}
			return
		}
		h, cause := wire.CheckHeader(packet[:n])
		if cause != wire.Accepted {
			r.bad = fmt.Errorf("packet of %d bytes: %v", n, cause)
			continue
		}
		r.add(int(h.Points))
		begin, busy := time.Now(), r.busy
		if begin.Sub(last) > pause {
			bytes = 0
		}
		if bytes < stopAfter && bytes+n >= stopAfter {
			busy += r.stop
		}
		bytes += n
		for busy > 0 && time.Since(begin) < busy {
		}
		last = begin
	}
}

func (r *plainReader) address() string { return r.endpoint }

func (r *plainReader) close() error {
	err := r.conn.Close()
	r.reading.Wait()
	return errors.Join(err, r.bad)
}

// decoder is otelgram's receiver with a handler that counts the points.
type decoder struct {
	*arrivals
	receiver *receiver.Receiver
}

func newDecoder() (sink, error) {
	d := &decoder{arrivals: newArrivals()}
	var err error
	d.receiver, err = receiver.Listen("127.0.0.1:0", func(rm *metricdata.ResourceMetrics) { d.add(countPoints(rm)) })
	return d, err
}

func (d *decoder) address() string { return d.receiver.Addr().String() }

func (d *decoder) close() error { return d.receiver.Close() }

// books wants, once the receiver knows what was lost, each point to be in one
// place.
func (d *decoder) books(sent uint64) error {
	var p receiver.Counts
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		p = d.receiver.Stats().Points
		if p.Sent == sent && p.Sent == p.Received+p.Lost && p.Received == p.Delivered+p.Rejected+p.Overrun &&
			p.Delivered == d.points.Load() && p.Rejected == 0 {
			return nil
		}
	}
	return fmt.Errorf("books: %d points sent, %d seen by the handler, receiver: %+v", sent, d.points.Load(), p)
}

// collector is an OTLP/HTTP endpoint that reads what it gets and forgets it.
type collector struct {
	*arrivals
	listener net.Listener
	server   http.Server
	serving  sync.WaitGroup
}

func newCollector() (sink, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &collector{arrivals: newArrivals(), listener: listener}
	c.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	})
	c.serving.Go(func() { _ = c.server.Serve(listener) }) // ends with close
	return c, nil
}

func (c *collector) address() string { return c.listener.Addr().String() }

func (c *collector) close() error {
	err := c.server.Close()
	c.serving.Wait()
	return err
}

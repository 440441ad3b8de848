package otelgramreceiver

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configretry"

	"github.com/otelgram/otelgram/receiver"
)

// The transports that the receiver takes.
const (
	transportUDP  = "udp"
	transportUnix = "unixgram"
)

// Config is the configuration of the receiver. README.md describes each key.
type Config struct {
	// Endpoint is the address to listen on, as host:port, or with the transport unixgram
	// the path of the socket.
	Endpoint string `mapstructure:"endpoint"`
	// Transport is udp or unixgram.
	Transport string `mapstructure:"transport"`
	// ReceiveBuffer is the size of the kernel's receive buffer of each socket, in bytes, as
	// asked for.
	ReceiveBuffer int `mapstructure:"receive_buffer"`
	// ReceiveOffload lets the kernel hand over several packets of one sender as one (UDP_GRO),
	// where it can.
	ReceiveOffload bool `mapstructure:"receive_offload"`
	// MaxPacketSize is the longest packet that is taken, in bytes.
	MaxPacketSize int `mapstructure:"max_packet_size"`
	// AllowedSources are the networks that may send, such as 10.0.0.0/8. Empty means all.
	AllowedSources []string `mapstructure:"allowed_sources"`
	// MaxSessions is how many sessions have books at a time.
	MaxSessions int `mapstructure:"max_sessions"`
	// SocketPermissions are the permissions of the file of a Unix socket, in octal.
	SocketPermissions string `mapstructure:"socket_permissions"`
	// SocketGroup is the group of the file of a Unix socket, by name or number. Empty means
	// the group of the process.
	SocketGroup string `mapstructure:"socket_group"`
	// Async says how many goroutines work.
	Async AsyncConfig `mapstructure:"async"`
	// MaxTimestampSkew bounds how far the time of a point may be from its arrival. 0 means
	// no limit.
	MaxTimestampSkew time.Duration `mapstructure:"max_timestamp_skew"`
	// Retry says how a batch is tried again that the next consumer has refused for now.
	Retry configretry.BackOffConfig `mapstructure:"retry"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// AsyncConfig says how many goroutines work, under the names that other receivers of
// datagrams use.
type AsyncConfig struct {
	// Readers is how many sockets there are, each with a goroutine that reads it.
	Readers int `mapstructure:"readers"`
	// Processors is how many goroutines decode packets and call the next consumer.
	Processors int `mapstructure:"processors"`
	// MaxQueueLength is how many packets may wait for each processor.
	MaxQueueLength int `mapstructure:"max_queue_length"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Limits of the keys. They are those of package receiver and of the format.
const (
	maxReceiveBuffer = 1 << 30
	minPacketSize    = 512
	maxPacketSize    = 65535
	minSessions      = 16
	maxSessions      = 1 << 24
	maxGoroutines    = 64
	maxQueueLength   = 1 << 20
	coresPerReader   = 4
	// maxSocketPath is the longest path of a Unix socket on all systems, 103 bytes, less
	// what a Collector needs to put its socket in the place of another.
	maxSocketPath = 99
)

func createDefaultConfig() component.Config {
	cores := runtime.GOMAXPROCS(0)
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval, retry.MaxInterval, retry.MaxElapsedTime = 50*time.Millisecond, time.Second, 5*time.Second
	return &Config{
		Endpoint: "localhost:4319", Transport: transportUDP,
		ReceiveBuffer: 4 << 20, ReceiveOffload: true, MaxPacketSize: maxPacketSize, MaxSessions: 1 << 15, SocketPermissions: "0666",
		Async: AsyncConfig{
			Readers: min(max(1, cores/coresPerReader), maxGoroutines), Processors: min(cores, maxGoroutines), MaxQueueLength: 4096,
		},
		MaxTimestampSkew: 5 * time.Minute,
		Retry:            retry,
	}
}

// Validate returns an error for each value that cannot work. The error names the key.
func (c *Config) Validate() error {
	errs := []error{c.validateEndpoint(), c.validateSocket(), c.validateRetry()}
	for _, b := range []struct {
		key            string
		got, least, to int
	}{
		{"receive_buffer", c.ReceiveBuffer, 1, maxReceiveBuffer},
		{"max_packet_size", c.MaxPacketSize, minPacketSize, maxPacketSize},
		{"max_sessions", c.MaxSessions, minSessions, maxSessions},
		{"async::readers", c.Async.Readers, 1, maxGoroutines},
		{"async::processors", c.Async.Processors, 1, maxGoroutines},
		{"async::max_queue_length", c.Async.MaxQueueLength, 1, maxQueueLength},
	} {
		if b.got < b.least || b.got > b.to {
			errs = append(errs, fmt.Errorf("%s: %d: want %d to %d", b.key, b.got, b.least, b.to))
		}
	}
	if _, err := c.sources(); err != nil {
		errs = append(errs, err)
	}
	if c.MaxTimestampSkew < 0 {
		errs = append(errs, fmt.Errorf("max_timestamp_skew: %v: want 0 (without bound) or more", c.MaxTimestampSkew))
	}
	return errors.Join(errs...)
}

func (c *Config) validateEndpoint() error {
	switch c.Transport {
	case transportUnix:
		if c.Endpoint == "" {
			return errors.New("endpoint: empty: want the path of a socket, as in /run/otelgram/otelgram.sock")
		}
		if len(c.Endpoint) > maxSocketPath || strings.ContainsRune(c.Endpoint, 0) {
			return fmt.Errorf("endpoint: %q: the path of a socket has at most %d bytes, none of them 0", c.Endpoint, maxSocketPath)
		}
		if _, _, err := net.SplitHostPort(c.Endpoint); err == nil && c.Endpoint[0] != '/' {
			return fmt.Errorf("endpoint: %q: want the path of a socket, as in /run/otelgram/otelgram.sock, since the transport is %s", c.Endpoint, transportUnix)
		}
	case transportUDP:
		_, port, err := net.SplitHostPort(c.Endpoint)
		if err != nil {
			return fmt.Errorf("endpoint: %q: want host:port, as in localhost:4319: %w", c.Endpoint, err)
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return fmt.Errorf("endpoint: %q: want a port from 0 to 65535", c.Endpoint)
		}
	default:
		return fmt.Errorf("transport: %q: want %s or %s", c.Transport, transportUDP, transportUnix)
	}
	return nil
}

// validateSocket checks what concerns only a Unix socket.
func (c *Config) validateSocket() error {
	mode, err := c.socketMode()
	switch {
	case err != nil || mode&^fs.ModePerm != 0:
		return fmt.Errorf("socket_permissions: %q: want permissions in octal, as in 0660", c.SocketPermissions)
	case mode&0o200 == 0:
		return fmt.Errorf("socket_permissions: %q: the owner must be allowed to write (0200)", c.SocketPermissions)
	}
	if c.SocketGroup == "" {
		return nil
	}
	if _, err := strconv.ParseUint(c.SocketGroup, 10, 32); err == nil {
		return nil
	}
	if _, err := user.LookupGroup(c.SocketGroup); err != nil {
		return fmt.Errorf("socket_group: %q: want the name or number of a group: %w", c.SocketGroup, err)
	}
	return nil
}

func (c *Config) socketMode() (fs.FileMode, error) {
	mode, err := strconv.ParseUint(c.SocketPermissions, 8, 32)
	return fs.FileMode(mode), err
}

// validateRetry checks what the type of Retry does not: that retries end.
func (c *Config) validateRetry() error {
	switch r := &c.Retry; {
	case !r.Enabled:
	case r.MaxElapsedTime <= 0:
		return fmt.Errorf("retry::max_elapsed_time: %v: want more than 0, since packets queue up meanwhile", r.MaxElapsedTime)
	case r.InitialInterval <= 0:
		return fmt.Errorf("retry::initial_interval: %v: want more than 0", r.InitialInterval)
	case r.MaxInterval <= 0:
		return fmt.Errorf("retry::max_interval: %v: want more than 0", r.MaxInterval)
	case r.Multiplier < 1:
		return fmt.Errorf("retry::multiplier: %v: want 1 or more", r.Multiplier)
	}
	return nil
}

// sources returns the networks of AllowedSources.
func (c *Config) sources() ([]netip.Prefix, error) {
	var networks []netip.Prefix
	var errs []error
	for _, s := range c.AllowedSources {
		p, err := netip.ParsePrefix(s)
		if err != nil || p.Addr().Is4In6() && p.Bits() < 96 {
			errs = append(errs, fmt.Errorf("allowed_sources: %q: want a network, as in 10.0.0.0/8 or 2001:db8::/32", s))
			continue
		}
		networks = append(networks, p)
	}
	return networks, errors.Join(errs...)
}

// address returns the address in the form that package receiver takes.
func (c *Config) address() string {
	if c.Transport == transportUnix {
		return "unixgram://" + c.Endpoint
	}
	return c.Endpoint
}

// options returns the options of package receiver for c.
func (c *Config) options() ([]receiver.Option, error) {
	networks, err := c.sources()
	if err != nil {
		return nil, err
	}
	mode, err := c.socketMode()
	if err != nil {
		return nil, err
	}
	opts := []receiver.Option{
		receiver.WithReceiveBuffer(c.ReceiveBuffer), receiver.WithMaxPacketSize(c.MaxPacketSize), receiver.WithAllowedSources(networks...),
		receiver.WithMaxSessions(c.MaxSessions), receiver.WithReaders(c.Async.Readers), receiver.WithWorkers(c.Async.Processors),
		receiver.WithQueueSize(c.Async.MaxQueueLength), receiver.WithSocketMode(mode), receiver.WithSharedAddress(),
	}
	if !c.ReceiveOffload {
		opts = append(opts, receiver.WithoutReceiveOffload())
	}
	if c.SocketGroup != "" {
		opts = append(opts, receiver.WithSocketGroup(c.SocketGroup))
	}
	return opts, nil
}

package receiver

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

// logged is a log that tests can read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.buf.String()), "\n")
}

// TestRefusedPacketsAreLogged: the first packet of each cause is logged, with the likely
// reason.
func TestRefusedPacketsAreLogged(t *testing.T) {
	var log logged
	r := listen(t, drop, WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	send := dial(t, r)
	good := gauges(t, wire.Header{Session: 5}, 3)
	damaged := append([]byte(nil), good...)
	damaged[40] ^= 1
	miscounted := append([]byte(nil), good...)
	for i := range uint64(20) {
		wire.Stamp(miscounted, &wire.Header{Format: wire.Compact, Session: 5, Sequence: i, Points: 9, PointsBefore: uint32(9 * i)})
		send([]byte("statsd:1|c"), damaged, miscounted)
	}
	eventually(t, r, func(s Stats) bool { return s.Rejected == Rejected{TooShort: 20, BadChecksum: 20, Malformed: 20} })
	require.Eventually(t, func() bool { return len(log.lines()) == 3 }, 30*time.Second, time.Millisecond)
	for _, cause := range []string{"cause=too_short", "cause=bad_checksum", "cause=malformed"} {
		assert.Equal(t, 1, strings.Count(strings.Join(log.lines(), "\n"), cause))
	}
	assert.Contains(t, log.lines()[0], "level=WARN")
	assert.Contains(t, log.lines()[0], "source=127.0.0.1:")
	assert.Contains(t, log.lines()[0], "bytes=10")
}

func TestForeignSourceIsLogged(t *testing.T) {
	var log logged
	r := listen(t, drop, WithLogger(slog.New(slog.NewTextHandler(&log, nil))), WithAllowedSources(netip.MustParsePrefix("10.0.0.0/8")))
	dial(t, r)([]byte("x"), []byte("y"))
	eventually(t, r, func(s Stats) bool { return s.Rejected == Rejected{ForeignSource: 2} })
	require.Eventually(t, func() bool { return strings.Contains(log.lines()[0], "cause=foreign_source") }, 30*time.Second, time.Millisecond)
	assert.Contains(t, log.lines()[0], "the sources that are allowed do not include its network")
	assert.Len(t, log.lines(), 1)
}

// TestHintsForAllCauses: each cause has a hint.
func TestHintsForAllCauses(t *testing.T) {
	for cause := int(wire.TooShort); cause <= foreignSource; cause++ {
		assert.NotEmpty(t, hints[cause], cause)
	}
}

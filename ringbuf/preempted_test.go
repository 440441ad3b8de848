package ringbuf_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/otelgram/otelgram/ringbuf"
)

// BenchmarkPreempted has eight busy producers and a consumer. It reports for how long at
// most the consumer found nothing although values were there, because a producer was
// preempted between the claim of a slot and the end of its copy.
func BenchmarkPreempted(b *testing.B) {
	for _, processors := range []int{2, 64} {
		b.Run(fmt.Sprintf("GOMAXPROCS=%d", processors), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
			longest := time.Duration(0)
			for b.Loop() {
				longest = max(longest, preempted(b, 3*time.Second))
			}
			b.ReportMetric(float64(longest)/1e6, "ms-at-most")
		})
	}
}

func preempted(b *testing.B, busy time.Duration) (longest time.Duration) {
	ring, err := ringbuf.New[[6]uint64](16384)
	if err != nil {
		b.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			var v [6]uint64
			for !ring.Closed() {
				ring.TryPush(&v)
			}
		})
	}
	since := time.Time{} // when the consumer first found nothing
	buf := make([][6]uint64, 32)
	for begin, now := time.Now(), time.Now(); now.Sub(begin) < busy; now = time.Now() {
		switch {
		case ring.TryPopBatch(buf) > 0 || ring.Len() == 0:
			since = time.Time{}
		case since.IsZero():
			since = now
		default:
			longest = max(longest, now.Sub(since))
		}
	}
	ring.Close()
	group.Wait()
	return longest
}

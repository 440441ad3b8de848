package drop

import "math/rand/v2"

const (
	sampleFrom = 50 // hundredths of the queue
	// sampleSteps is how many times the sampling interval doubles between sampleFrom and a
	// full queue.
	sampleSteps = 12
)

// Sampled returns the strategy that samples events as the queue fills. When half of the
// queue is in use, it begins to keep one event in N, at random. N is a power of two that
// doubles with every twenty-fourth of the queue. A kept event has weight N, so that sums,
// counts and distributions made with the weights are unbiased (Horvitz and Thompson, 1952).
// It is best for high rates where a percent does not matter.
//
// The weights are unbiased only while the queue does not fill up. A kept event that then
// finds the queue full is lost with its weight, and the events accepted before have less
// weight than they should have had. With a queue of 16 that is always full, sums come out
// at 0.18 of the true ones (go test ./internal/event -run SampledWhenFull -v). The drop
// counters show this: if there are drops for ring_full besides sampled, take a larger queue
// or a faster pace.
//
// Sampled is not for sums of few, large or opposite events. If an up-down counter gets one
// event for each connection opened and closed, one event left out is an error for ever,
// under this strategy as under any other that loses it. Observe such a value instead, or
// give it priority High and use [ByPriority].
func Sampled() Strategy { return sampled{} }

type sampled struct{}

func (sampled) Decide(l Load, _ Priority) Verdict {
	if !l.atLeast(sampleFrom) {
		return Verdict{}
	}
	if l.Full() {
		return Verdict{Action: RefuseRingFull}
	}
	half := l.Capacity * sampleFrom / 100
	step := 1 + (l.Used-half)*sampleSteps/max(1, l.Capacity-half)
	n := uint32(1) << min(step, sampleSteps)
	if rand.Uint32()&(n-1) != 0 {
		return Verdict{Action: RefuseSampled}
	}
	return Verdict{Weight: n}
}

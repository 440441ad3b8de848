package build

import (
	"sync"

	"github.com/otelgram/otelgram/wire"
)

// OpenTelemetry keeps a list of n elements, and a set of n attributes, as an array:
// a type of its own for each n, made by package reflect, which never forgets one.
// Whoever may send could fill the process with such types.
const (
	// shortArray is up to what length lists are free: there are not many types of
	// them, and each takes little. Sets are no longer than that, see
	// [wire.MaxAttributes].
	shortArray = 1024
	// maxLongArrays is how many types of longer ones a process makes. Each takes up
	// to some tens of KiB.
	maxLongArrays = 512
)

// element is what an array is of.
type element uint8

const (
	noArray element = iota
	boolArray
	int64Array
	float64Array
	stringArray
	valueArray
	attributesArray
)

// arrayOf returns what the array behind a value of type t is of.
func arrayOf(t wire.ValueType) element {
	switch t {
	case wire.BoolSliceValue:
		return boolArray
	case wire.Int64SliceValue:
		return int64Array
	case wire.Float64SliceValue:
		return float64Array
	case wire.StringSliceValue:
		return stringArray
	case wire.SliceValue:
		return valueArray
	case wire.MapValue:
		return attributesArray
	}
	return noArray
}

// arrays are the types of long arrays that there are.
type arrays struct {
	mu    sync.Mutex
	types map[arrayType]struct{}
}

type arrayType struct {
	of  element
	len int
}

// processArrays are those of the process.
var processArrays arrays

// allow reports whether there is such a type of array, or may be.
func (a *arrays) allow(t arrayType) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.types[t]; ok {
		return true
	}
	if len(a.types) >= maxLongArrays {
		return false
	}
	if a.types == nil {
		a.types = map[arrayType]struct{}{}
	}
	a.types[t] = struct{}{}
	return true
}

// allows reports whether an array of n elements may be made; if not, the packet is
// one that cannot be taken.
func (b *Builder) allows(of element, n int) bool {
	if of == noArray || n <= shortArray || b.arrays.allow(arrayType{of, n}) {
		return true
	}
	b.overflow = true
	return false
}

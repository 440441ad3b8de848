package build

import (
	"sync"

	"github.com/otelgram/otelgram/wire"
)

// For a list of n elements, or a set of n attributes, OpenTelemetry uses an array whose
// type depends on n. Package reflect makes the type and never forgets it. So senders could
// fill the process with such types.
const (
	// shortArray is the length up to which lists are not counted: there are few types of
	// them, and each takes little memory. Sets are no longer than that, see
	// [wire.MaxAttributes].
	shortArray = 1024
	// maxLongArrays is how many types of longer arrays a process makes. Each takes up to
	// some tens of KiB.
	maxLongArrays = 512
)

// element is the kind of elements of an array.
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

// arrayOf returns the elements of the array that OpenTelemetry uses for a value of type t.
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

// arrays are the types of long arrays that the process has made.
type arrays struct {
	mu    sync.Mutex
	types map[arrayType]struct{}
}

type arrayType struct {
	of  element
	len int
}

// processArrays are the arrays of this process.
var processArrays arrays

// allow reports whether an array type exists or may be made.
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

// allows reports whether an array of n elements may be made. If not, the packet cannot be
// taken.
func (b *Builder) allows(of element, n int) bool {
	if of == noArray || n <= shortArray || b.arrays.allow(arrayType{of, n}) {
		return true
	}
	b.overflow = true
	return false
}

package aggregate

import "math"

// Number is the type of a measurement.
type Number interface{ int64 | float64 }

// isInteger reports whether N is int64. For the compiler it is a constant.
func isInteger[N Number]() bool {
	var one, two N = 1, 2
	return one/two == 0
}

// bitsOf returns v as a point carries it: an int64, or the bits of a float64.
func bitsOf[N Number](v N) uint64 {
	if isInteger[N]() {
		return uint64(int64(v))
	}
	return math.Float64bits(float64(v))
}

// numberOf is the inverse of bitsOf.
func numberOf[N Number](bits uint64) N {
	if isInteger[N]() {
		return N(int64(bits))
	}
	return N(math.Float64frombits(bits))
}

package relay

import (
	"reflect"
	"slices"
	"unsafe"

	"go.opentelemetry.io/otel/attribute"
)

// OpenTelemetry gives out the attributes of a set one by one, each as a copy made by
// package reflect. That takes ten times as long as to look at them where they are, and
// does not tell whether two sets are one and the same. So the relay looks at the array
// behind a set, if sets are made as those that it knows.

// setData is where a set has its array, as a value of type any. readable is whether it
// is there.
var setData, readable = findSetData()

// findSetData looks for the array of a set, and at a few of them to see that it is as
// expected.
func findSetData() (offset uintptr, ok bool) {
	t := reflect.TypeFor[attribute.Set]()
	place := -1
	for i := range t.NumField() {
		if t.Field(i).Type == reflect.TypeFor[any]() {
			place = i
		}
	}
	if place < 0 {
		return 0, false
	}
	offset = t.Field(place).Offset
	for _, n := range []int{1, 2, 10, 11, 20} { // up to ten and more are made in different ways
		var want []attribute.KeyValue
		for i := range n {
			want = append(want, attribute.Int(string(rune('a'+i)), i))
		}
		set := attribute.NewSet(want...)
		if !holds(reflect.ValueOf(set).Field(place), n) || !slices.Equal(arrayOf(&set, offset), want) {
			return 0, false
		}
	}
	return offset, true
}

// holds reports whether a field of type any has an array of n attributes.
func holds(field reflect.Value, n int) bool {
	array := field.Elem()
	return array.IsValid() && array.Type() == reflect.ArrayOf(n, reflect.TypeFor[attribute.KeyValue]())
}

// attributesOf returns the attributes of a set, which nobody may change. Two sets that
// are copies of one have the same array; shared is whether that can be told.
func attributesOf(set *attribute.Set) (kvs []attribute.KeyValue, shared bool) {
	if !readable {
		return set.ToSlice(), false
	}
	return arrayOf(set, setData), true
}

// arrayOf returns the array that stands behind the any at offset in a set.
func arrayOf(set *attribute.Set, offset uintptr) []attribute.KeyValue {
	n := set.Len()
	if n == 0 {
		return nil
	}
	type anyValue struct{ of, value unsafe.Pointer }
	array := (*anyValue)(unsafe.Add(unsafe.Pointer(set), offset)).value
	return unsafe.Slice((*attribute.KeyValue)(array), n)
}

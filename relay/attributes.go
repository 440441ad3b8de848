package relay

import (
	"reflect"
	"slices"
	"unsafe"

	"go.opentelemetry.io/otel/attribute"
)

// OpenTelemetry gives out the attributes of a set one by one, each as a copy made by
// package reflect. That takes ten times as long as reading them in place, and does not show
// whether two sets share one array. So the relay reads the array behind a set, if sets are
// laid out as it expects.

// setData is the offset in a set of the field of type any that holds the array. readable
// says whether such a field was found.
var setData, readable = findSetData()

// findSetData looks for the field with the array, and reads the arrays of a few sets to see
// that they are as expected.
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
	for _, n := range []int{1, 2, 10, 11, 20} { // sets of up to ten attributes and larger ones are made in different ways
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

// holds reports whether a field of type any holds an array of n attributes.
func holds(field reflect.Value, n int) bool {
	array := field.Elem()
	return array.IsValid() && array.Type() == reflect.ArrayOf(n, reflect.TypeFor[attribute.KeyValue]())
}

// attributesOf returns the attributes of a set. The caller must not change them. If shared
// is true, two sets that are copies of one another have the same array.
func attributesOf(set *attribute.Set) (kvs []attribute.KeyValue, shared bool) {
	if !readable {
		return set.ToSlice(), false
	}
	return arrayOf(set, setData), true
}

// arrayOf returns the array behind the field of type any at offset in a set.
func arrayOf(set *attribute.Set, offset uintptr) []attribute.KeyValue {
	n := set.Len()
	if n == 0 {
		return nil
	}
	type anyValue struct{ of, value unsafe.Pointer }
	array := (*anyValue)(unsafe.Add(unsafe.Pointer(set), offset)).value
	return unsafe.Slice((*attribute.KeyValue)(array), n)
}

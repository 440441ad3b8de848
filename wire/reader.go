package wire

import (
	"cmp"

	"github.com/otelgram/otelgram/wire/internal/cursor"
)

// reader reads the records of a packet, and counts what they unfold to.
type reader struct {
	cursor.Cursor
	// items is how many items were read, see [MaxItems].
	items int
	other Cause // of the first failure, unless that is Malformed
	err   Error // backs what error returns
}

func (r *reader) reset(b []byte, off int) {
	r.Reset(b, off)
	r.items, r.other = 0, Accepted
}

// take counts n items, and fails if there are too many.
func (r *reader) take(n int, field string) {
	if r.items += n; r.items > MaxItems {
		r.failAs(OverBudget, field)
	}
}

// failAs says that a field is wrong for another reason than its form.
func (r *reader) failAs(cause Cause, field string) {
	if r.Fail(field) {
		r.other = cause
	}
}

// error returns the first failure, valid until the next reset.
func (r *reader) error() *Error {
	f := r.Failure()
	r.err = Error{Cause: cmp.Or(r.other, Malformed), Field: f.Field, Offset: f.Offset}
	return &r.err
}

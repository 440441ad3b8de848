package intern

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/wire"
)

// unsayable is nested too deep for the wire.
func unsayable() attribute.KeyValue {
	kv := attribute.Int("k", 1)
	for range 20 {
		kv = attribute.KeyValue{Key: "k", Value: attribute.MapValue(kv)}
	}
	return kv
}

// TestIdentifier: a metric has one wire form. If its resource or scope has none, no point of the
// metric can be sent, and each cause is told once.
func TestIdentifier(t *testing.T) {
	named := attribute.String("service.name", "svc")
	for _, tt := range []struct {
		name            string
		resource, scope attribute.KeyValue
		want            wire.DropReason
		check, told     string // errors of the resource and of the scope
	}{
		{"sendable", named, named, Sendable, "", ""},
		{"a resource without a form", unsayable(), named, wire.Encode, "an attribute of the resource has no wire form", ""},
		{"a resource too large", attribute.String("k", strings.Repeat("x", wire.MaxBody)), named, wire.Oversize, "more than the", ""},
		{"a scope without a form", named, unsayable(), wire.Encode, "", `scope "scope": an attribute has no wire form`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var told []string
			i := NewIdentifier(resource.NewSchemaless(tt.resource), account.NewBudget(math.MaxInt64),
				func(err error) bool { told = append(told, err.Error()); return true })
			if err := i.CheckResource(); tt.check == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.check)
			}
			require.NoError(t, i.CheckResource(), "told once")
			scope := &instrumentation.Scope{Name: "scope", Attributes: attribute.NewSet(tt.scope)}
			key := MetricKey{Name: "n", Unit: "s", Kind: wire.Sum, Integer: true, Monotonic: true}
			m, reason := i.Metric(scope, key)
			assert.Equal(t, tt.want, reason)
			assert.Equal(t, "n", m.Name.Text())
			again, reason := i.Metric(scope, key)
			assert.Same(t, m, again)
			assert.Equal(t, tt.want, reason)
			key.Unit = "ms"
			other, _ := i.Metric(scope, key)
			assert.NotSame(t, m, other)
			assert.Same(t, m.Scope, other.Scope)
			if tt.told == "" {
				assert.Empty(t, told)
			} else {
				require.Len(t, told, 1)
				assert.Contains(t, told[0], tt.told)
			}
		})
	}
}

// TestIdentifierCompiles attribute sets, and refuses one that has no wire form.
func TestIdentifierCompiles(t *testing.T) {
	memory := account.NewBudget(math.MaxInt64)
	i := NewIdentifier(resource.Empty(), memory, func(error) bool { return true })
	var first, second wire.AttributeSet
	require.True(t, i.Compile(&first, attribute.NewSet(attribute.String("k", "v"))))
	left := memory.Left()
	require.True(t, i.Compile(&second, attribute.NewSet(attribute.String("k", "v"))))
	assert.Equal(t, left, memory.Left(), "sets share their strings")
	assert.Equal(t, first, second)
	assert.False(t, i.Compile(&first, attribute.NewSet(unsayable())))
}

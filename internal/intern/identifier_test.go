package intern

import (
	"fmt"
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

// nestedIn returns a value in so many slices.
func nestedIn(levels int, v attribute.Value) attribute.Value {
	for range levels {
		v = attribute.SliceValue(v)
	}
	return v
}

// tooDeep has no wire form.
var tooDeep = attribute.KeyValue{Key: "deep", Value: nestedIn(wire.MaxDepth+1, attribute.IntValue(1))}

// identifier returns one whose reports are kept.
func identifier(of *resource.Resource, memory int64) (i *Identifier, budget *account.Budget, said *[]string) {
	budget, said = account.NewBudget(memory), &[]string{}
	i = NewIdentifier(of, budget, func(err error) bool { *said = append(*said, err.Error()); return true })
	return i, budget, said
}

// resourceOf returns one with a text of so many bytes in it.
func resourceOf(bytes int) *resource.Resource {
	return resource.NewSchemaless(attribute.String("k", strings.Repeat("v", bytes)))
}

// overhead is what resourceOf takes in wire form besides its text, if that is long.
func overhead(t *testing.T) int {
	t.Helper()
	const bytes = 60_000
	r := NewIdentities(math.MaxInt64).Resource(resourceOf(bytes))
	require.Greater(t, r.size, bytes)
	return r.size - bytes
}

// TestIdentifierResource: of a resource with which no point can be sent an error tells, once,
// and no metric of it is sendable.
func TestIdentifierResource(t *testing.T) {
	largest := wire.MaxBody - minRoom - overhead(t)
	for _, tt := range []struct {
		name   string
		of     *resource.Resource
		err    string // begins with
		reason wire.DropReason
	}{
		{"none", nil, "", Sendable},
		{"small", resourceOf(1), "", Sendable},
		{"the largest", resourceOf(largest), "", Sendable},
		{"too large", resourceOf(largest + 1), fmt.Sprintf("otelgram: resource of %d bytes: more than the %d that can be sent", wire.MaxBody-minRoom+1, wire.MaxBody-minRoom), wire.Oversize},
		{"without a wire form", resource.NewSchemaless(tooDeep), "otelgram: an attribute of the resource has no wire form", wire.Encode},
		{"without a wire form, and large", resource.NewSchemaless(tooDeep, attribute.String("k", strings.Repeat("v", largest+1))),
			"otelgram: an attribute of the resource has no wire form", wire.Encode},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i, _, said := identifier(tt.of, math.MaxInt64)
			err := i.CheckResource()
			if tt.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.err)
			}
			require.NoError(t, i.CheckResource(), "once")
			m, reason := i.Metric(&instrumentation.Scope{Name: "s"}, MetricKey{Name: "n"})
			assert.Equal(t, tt.reason, reason)
			assert.Equal(t, "n", m.Name.Text(), "it has a name all the same, for what is said of it")
			assert.Empty(t, *said, "it is not said again")
		})
	}
}

// TestIdentifierMetric: a metric is the same for the same key of the same scope, and says what
// the key says. A scope without a wire form costs its own metrics, and is reported once.
func TestIdentifierMetric(t *testing.T) {
	i, _, said := identifier(resourceOf(1), math.MaxInt64)
	fine := instrumentation.Scope{Name: "fine", Version: "v", SchemaURL: "url", Attributes: attribute.NewSet(attribute.Int("k", 1))}
	key := MetricKey{Name: "n", Unit: "u", Description: "d", Kind: wire.Sum, Integer: true, Monotonic: true, Delta: true}
	m, reason := i.Metric(&fine, key)
	assert.Equal(t, Sendable, reason)
	assert.Equal(t, []string{"n", "u", "d", "fine", "v", "url"},
		[]string{m.Name.Text(), m.Unit.Text(), m.Description.Text(), m.Scope.Name.Text(), m.Scope.Version.Text(), m.Scope.SchemaURL.Text()})
	assert.Equal(t, wire.Sum, m.Kind)
	assert.Equal(t, []bool{true, true, true}, []bool{m.Integer, m.Monotonic, m.Delta})
	assert.Equal(t, []string{"k=1"}, textOf(m.Scope.Attributes))
	assert.Equal(t, []string{"k=v"}, textOf(m.Scope.Resource.Attributes))

	for n, bad := range []string{"bad", "worse"} {
		scope := instrumentation.Scope{Name: bad, Attributes: attribute.NewSet(tooDeep)}
		for _, name := range []string{"n", "m", "n"} {
			key.Name = name
			_, reason := i.Metric(&scope, key)
			assert.Equal(t, wire.Encode, reason)
			assert.Len(t, *said, n+1)
		}
		assert.Equal(t, fmt.Sprintf("otelgram: scope %q: an attribute has no wire form: its points are dropped", bad), (*said)[n])
	}

	key.Name = "n"
	again, reason := i.Metric(&fine, key)
	assert.Equal(t, Sendable, reason, "others are sent")
	assert.Same(t, m, again)
	other := fine
	other.Version = "w"
	differs, _ := i.Metric(&other, key)
	assert.NotSame(t, m, differs)
	assert.Same(t, m.Scope.Resource, differs.Scope.Resource, "one resource")
	key.Unit = "v"
	differs, _ = i.Metric(&fine, key)
	assert.NotSame(t, m, differs)
	assert.Same(t, m.Scope, differs.Scope, "one scope")
}

// textOf returns a set as read from its wire form, an attribute a text.
func textOf(set *wire.AttributeSet) (all []string) {
	for i := range set.Len() {
		a := set.At(i)
		if a.Type == wire.StringValue {
			all = append(all, a.Key+"="+a.Text)
			continue
		}
		all = append(all, a.Key+"="+valueText(a.Value()))
	}
	return all
}

func valueText(v wire.Value) string {
	switch v.Type {
	case wire.EmptyValue:
		return "nothing"
	case wire.BoolValue:
		return fmt.Sprint(v.Bool())
	case wire.Int64Value:
		return fmt.Sprint(v.Int64())
	case wire.Float64Value:
		return fmt.Sprint(v.Float64())
	case wire.StringValue, wire.BytesValue:
		return string(v.Text())
	}
	var elements []string
	for e := v.Elements(); e.Next(); {
		text := valueText(e.Value)
		if v.Type == wire.MapValue {
			text = string(e.Key) + ":" + text
		}
		elements = append(elements, text)
	}
	return "[" + strings.Join(elements, " ") + "]"
}

// TestIdentifierCompile: the wire form of a set says what the set says, whatever types its
// values have. What is nested too deep, and a set of too many attributes, have none.
func TestIdentifierCompile(t *testing.T) {
	wide := make([]attribute.KeyValue, wire.MaxAttributes+1)
	for i := range wide {
		wide[i] = attribute.Int(fmt.Sprint("k", i), i)
	}
	one := func(v attribute.Value) []attribute.KeyValue { return []attribute.KeyValue{{Key: "k", Value: v}} }
	leaf := attribute.BoolSliceValue([]bool{true})
	for _, tt := range []struct {
		name string
		kvs  []attribute.KeyValue
		want []string // nil: no wire form
	}{
		{"none", nil, []string{}},
		{"string", one(attribute.StringValue("text")), []string{"k=text"}},
		{"empty", one(attribute.Value{}), []string{"k=nothing"}},
		{"numbers", []attribute.KeyValue{attribute.Bool("b", true), attribute.Float64("f", -0.5), attribute.Int64("i", math.MinInt64)}, []string{"b=true", "f=-0.5", "i=-9223372036854775808"}},
		{"bytes", one(attribute.ByteSliceValue([]byte("\x00\xff"))), []string{"k=\x00\xff"}},
		{"bools", one(attribute.BoolSliceValue([]bool{true, false})), []string{"k=[true false]"}},
		{"integers", one(attribute.Int64SliceValue([]int64{-1, 1})), []string{"k=[-1 1]"}},
		{"floats", one(attribute.Float64SliceValue([]float64{0.5, math.Inf(1)})), []string{"k=[0.5 +Inf]"}},
		{"strings", one(attribute.StringSliceValue([]string{"a", "", "b"})), []string{"k=[a  b]"}},
		{"no elements", one(attribute.StringSliceValue(nil)), []string{"k=[]"}},
		{"mixed", one(attribute.SliceValue(attribute.IntValue(1), attribute.StringValue("x"), leaf, attribute.Value{})), []string{"k=[1 x [true] nothing]"}},
		{"map", one(attribute.MapValue(attribute.Int("a", 1), attribute.KeyValue{Key: "b", Value: attribute.MapValue(attribute.String("c", "d"))})), []string{"k=[a:1 b:[c:d]]"}},
		{"large", one(attribute.BoolSliceValue(make([]bool, 2*maxPayload))), []string{"k=[" + strings.Repeat("false ", 2*maxPayload-1) + "false]"}},
		{"deep", one(nestedIn(wire.MaxDepth, attribute.IntValue(1))), []string{"k=" + strings.Repeat("[", wire.MaxDepth) + "1" + strings.Repeat("]", wire.MaxDepth)}},
		{"a slice too deep", one(nestedIn(wire.MaxDepth, leaf)), nil},
		{"a map too deep", one(nestedIn(wire.MaxDepth, attribute.MapValue(attribute.Int("a", 1)))), nil},
		{"too deep in a map", one(attribute.MapValue(attribute.Int("a", 1), tooDeep)), nil},
		{"one too deep among others", []attribute.KeyValue{attribute.Int("a", 1), tooDeep, attribute.Int("z", 1)}, nil},
		{"too many", wide, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i, _, _ := identifier(nil, math.MaxInt64)
			set := attribute.NewSet(tt.kvs...)
			var to wire.AttributeSet
			for range 2 { // a set that was used before is used again
				assert.Equal(t, tt.want != nil, i.Compile(&to, set))
				assert.ElementsMatch(t, tt.want, textOf(&to), "all of it or nothing")
				require.True(t, i.Compile(&to, attribute.NewSet(attribute.String("other", "set"))))
			}
		})
	}
}

// TestIdentifierMemory: the strings that series share are charged to the budget; without one
// they are not shared, and the series are the same.
func TestIdentifierMemory(t *testing.T) {
	for _, memory := range []int64{0, 1 << 20} {
		i, budget, _ := identifier(nil, memory)
		var a, b wire.AttributeSet
		set := attribute.NewSet(attribute.String("key", "value"), attribute.Int("n", 1))
		require.True(t, i.Compile(&a, set))
		charged := memory - budget.Left()
		require.True(t, i.Compile(&b, set))
		assert.Equal(t, charged, memory-budget.Left(), "once")
		assert.Equal(t, []string{"key=value", "n=1"}, textOf(&a))
		assert.Equal(t, textOf(&a), textOf(&b))
		if memory == 0 {
			assert.Zero(t, charged)
		} else {
			assert.Equal(t, int64(3*symbolCost+len("key")+len("value")+len("n")), charged)
		}
	}
}

// TestForget: what is forgotten is given back, and is interned anew.
func TestForget(t *testing.T) {
	const memory = 1 << 20
	budget := account.NewBudget(memory)
	a := NewAttributeSets(100, budget)
	set := testSets(1)[0]
	before, ok := a.Intern(set)
	require.True(t, ok)
	want := textOf(before)
	require.Less(t, budget.Left(), int64(memory))
	a.Forget()
	assert.Equal(t, int64(memory), budget.Left())
	after, ok := a.Intern(set)
	require.True(t, ok)
	assert.NotSame(t, before, after)
	assert.Equal(t, want, textOf(after))
}

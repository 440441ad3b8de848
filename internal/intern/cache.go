package intern

import "github.com/otelgram/otelgram/internal/account"

// cache is a bounded map that forgets what was not asked for during the last
// limit*cachePeriod look-ups. It never evicts what is in use to make room: if more keys are
// in use than it holds, the others stay outside, and the keys do not push each other out
// all the time. What it holds is charged to a budget.
type cache[K comparable, V any] struct {
	young, old map[K]V
	limit      int
	lookups    int
	memory     *account.Budget
	cost       func(V) int64 // always the same for the same value
}

const cachePeriod = 64

func newCache[K comparable, V any](limit int, memory *account.Budget, cost func(V) int64) cache[K, V] {
	return cache[K, V]{young: map[K]V{}, old: map[K]V{}, limit: limit, memory: memory, cost: cost}
}

func (c *cache[K, V]) get(k K) (V, bool) {
	c.lookups++
	if c.lookups > c.limit*cachePeriod {
		c.lookups = 0
		c.drop(c.old)
		c.young, c.old = c.old, c.young
	}
	v, ok := c.young[k]
	if ok {
		return v, true
	}
	v, ok = c.old[k]
	if ok {
		delete(c.old, k)
		c.young[k] = v
	}
	return v, ok
}

// put keeps v, unless the cache is full or the budget used up.
func (c *cache[K, V]) put(k K, v V) {
	if c.len() < c.limit && c.memory.Take(c.cost(v)) {
		c.young[k] = v
	}
}

// forget drops all.
func (c *cache[K, V]) forget() {
	c.drop(c.young)
	c.drop(c.old)
}

func (c *cache[K, V]) drop(generation map[K]V) {
	for _, v := range generation {
		c.memory.Give(c.cost(v))
	}
	clear(generation)
}

func (c *cache[K, V]) len() int { return len(c.young) + len(c.old) }

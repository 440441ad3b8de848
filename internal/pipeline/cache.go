package pipeline

// cache is a bounded map that forgets what has not been asked for during the
// last limit*cachePeriod lookups. It never evicts what is in use to make room:
// when more keys are in use than it holds, the rest stay outside, instead of
// all of them chasing each other out.
type cache[K comparable, V any] struct {
	young, old map[K]V
	limit      int
	lookups    int
}

const cachePeriod = 64

func newCache[K comparable, V any](limit int) cache[K, V] {
	return cache[K, V]{young: map[K]V{}, old: map[K]V{}, limit: limit}
}

func (c *cache[K, V]) get(k K) (V, bool) {
	c.lookups++
	if c.lookups > c.limit*cachePeriod {
		c.lookups = 0
		clear(c.old)
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

// put keeps v, unless the cache is full.
func (c *cache[K, V]) put(k K, v V) bool {
	if c.len() >= c.limit {
		return false
	}
	c.young[k] = v
	return true
}

func (c *cache[K, V]) len() int { return len(c.young) + len(c.old) }

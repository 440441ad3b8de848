package table

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// entry is what the tests enter.
type entry struct {
	key  int
	dead atomic.Bool
}

// hashes are functions from the keys of the tests to hashes.
var hashes = map[string]func(key int) uint64{
	"spread":    func(key int) uint64 { return uint64(key) * 0x9e3779b97f4a7c15 >> 7 },
	"ascending": func(key int) uint64 { return uint64(key) },
	"in pairs":  func(key int) uint64 { return uint64(key / 2 * 64) },
	"at the end": func(key int) uint64 {
		return ^uint64(key % 3) // so that probes wrap
	},
}

type keyed struct {
	Table[entry]
	of func(key int) uint64
}

func tableOf(hash func(key int) uint64) *keyed {
	k := &keyed{of: hash}
	k.Init(&entry{key: -1}, func(e *entry) uint64 { return hash(e.key) }, func(e *entry) bool { return e.dead.Load() })
	return k
}

func (k *keyed) add(e *entry) *entry {
	return k.Add(e, func(x *entry) bool { return x.key == e.key })
}

// find looks a key up as the users of the table do.
func (k *keyed) find(key int) *entry {
	slots := k.Slots()
	for place := k.of(key); ; place++ {
		e := slots.At(place)
		if slots.Ends(e) {
			return nil
		}
		if e.key == key && !e.dead.Load() {
			return e
		}
	}
}

// living returns the keys of the entries that live, in order.
func (k *keyed) living() (keys []int) {
	k.Each(func(e *entry) {
		if !e.dead.Load() {
			keys = append(keys, e.key)
		}
	})
	slices.Sort(keys)
	return keys
}

// TestAgainstAMap does random operations on a table and on a map.
func TestAgainstAMap(t *testing.T) {
	for name, hash := range hashes {
		keys := 500
		if name == "at the end" {
			keys = maxProbes / 2
		}
		t.Run(name, func(t *testing.T) {
			k, model := tableOf(hash), map[int]*entry{}
			r := rand.New(rand.NewPCG(1, 2))
			for range 20_000 {
				key := r.IntN(keys)
				switch in := model[key]; r.IntN(8) {
				case 0, 1:
					e := &entry{key: key}
					if in == nil {
						model[key], in = e, e
					}
					require.Same(t, in, k.add(e))
				case 2:
					if in != nil {
						in.dead.Store(true)
						delete(model, key)
					}
				case 3:
					if r.IntN(50) == 0 {
						k.Rebuild(k.Slots())
						require.Equal(t, len(model), count(&k.Table), "the dead are left out")
					}
				default:
					require.Equal(t, in, k.find(key))
					if in != nil {
						require.Same(t, in, k.find(key))
					}
				}
			}
			assert.Equal(t, sortedKeys(model), k.living())
		})
	}
}

func count(t *Table[entry]) (n int) {
	t.Each(func(*entry) { n++ })
	return n
}

func sortedKeys(m map[int]*entry) (keys []int) {
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// TestHashesThatMeet has more keys of one hash than a search passes in a table that is not
// sparse.
func TestHashesThatMeet(t *testing.T) {
	k := tableOf(func(int) uint64 { return 7 })
	const keys = 3 * maxProbes
	for key := range keys {
		e := &entry{key: key}
		require.Same(t, e, k.add(e), "key %d", key)
	}
	for key := range keys {
		e := k.find(key)
		require.NotNil(t, e, "key %d", key)
		assert.Equal(t, key, e.key)
		assert.Same(t, e, k.add(&entry{key: key}))
	}
	assert.Nil(t, k.find(keys))
	assert.LessOrEqual(t, len(k.Slots().at), 4*sparse*keys)
}

// TestSearchesAreShort checks how far each entry is from the place of its hash, even if
// hashes meet at random.
func TestSearchesAreShort(t *testing.T) {
	for name, hash := range hashes {
		if name == "at the end" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			k := tableOf(hash)
			for key := range 5000 {
				k.add(&entry{key: key})
			}
			slots := k.Slots()
			for key := range 5000 {
				probes := uint64(1)
				for slots.At(hash(key)+probes-1).key != key {
					probes++
				}
				require.LessOrEqual(t, probes, uint64(maxProbes))
			}
			assert.LessOrEqual(t, len(slots.at), 1<<18, "and the table is no larger than it has to be")
		})
	}
}

// TestOldSlotsTakeNothing: slots that were replaced take no entry, and rebuilding them
// again does nothing.
func TestOldSlotsTakeNothing(t *testing.T) {
	k := tableOf(hashes["spread"])
	k.add(&entry{key: 1})
	old := k.Slots()
	k.Rebuild(old)
	now := k.Slots()
	require.NotSame(t, old, now)
	assert.Nil(t, k.addTo(old, &entry{key: 2}, func(*entry) bool { return false }))
	k.Rebuild(old)
	assert.Same(t, now, k.Slots())
	for i := range old.at {
		assert.NotNil(t, old.at[i].Load(), "each slot has an entry or is sealed")
	}
}

// TestWinners: goroutines add the same keys, and keys of their own, while others build the
// table anew.
func TestWinners(t *testing.T) {
	const goroutines, shared, own = 8, 300, 300
	for name, hash := range hashes {
		if name == "at the end" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			k := tableOf(hash)
			var winners [shared]atomic.Int32
			var adding, rebuilding sync.WaitGroup
			var over atomic.Bool
			for range 2 {
				rebuilding.Go(func() {
					for !over.Load() {
						k.Rebuild(k.Slots())
					}
				})
			}
			for g := range goroutines {
				adding.Go(func() {
					for i := range shared {
						e := &entry{key: (i*7 + g*31) % shared}
						if in := k.add(e); in == e {
							winners[e.key].Add(1)
						} else {
							assert.Equal(t, e.key, in.key)
						}
						mine := &entry{key: shared + g*own + i%own}
						assert.Same(t, mine, k.add(mine))
						assert.Same(t, mine, k.find(mine.key))
					}
				})
			}
			adding.Wait()
			over.Store(true)
			rebuilding.Wait()
			for key := range winners {
				assert.EqualValues(t, 1, winners[key].Load(), "key %d", key)
			}
			all := k.living()
			require.Len(t, all, shared+goroutines*own, "none twice, none lost")
			for i, key := range all {
				require.Equal(t, i, key)
			}
		})
	}
}

// TestSuccessors: goroutines kill entries and enter new ones under their keys. At most one
// entry of each key lives, and each entry lives until it is killed.
func TestSuccessors(t *testing.T) {
	const goroutines, keys, rounds = 8, 16, 2000
	k := tableOf(hashes["spread"])
	var entered, killed [keys]atomic.Int32
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(g)))
			for range rounds {
				e := &entry{key: r.IntN(keys)}
				in := k.add(e)
				if in == e {
					entered[e.key].Add(1)
				}
				if r.IntN(3) == 0 && in.dead.CompareAndSwap(false, true) {
					killed[in.key].Add(1)
				}
			}
		})
	}
	group.Wait()
	living := map[int]int32{}
	for _, key := range k.living() {
		living[key]++
	}
	for key := range keys {
		assert.LessOrEqual(t, living[key], int32(1), "key %d", key)
		assert.Equal(t, entered[key].Load()-killed[key].Load(), living[key], "key %d", key)
	}
}

package session

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelgram/otelgram/internal/waker"
	"github.com/otelgram/otelgram/udp"
)

// addresses returns an address for each letter.
func addresses(letters string) (all []udp.Address) {
	for _, l := range letters {
		all = append(all, udp.Address{Path: string(l)})
	}
	return all
}

// TestOrder: the address in use stays the first until it is given up. Then the others come
// first, and last those that were given up before.
func TestOrder(t *testing.T) {
	for _, tt := range []struct{ name, current, refused, want, left string }{
		{"none is in use", "", "", "abc", ""},
		{"the one in use has gone", "d", "d", "abc", "d"},
		{"it stays the first", "b", "", "bac", ""},
		{"another was given up", "b", "a", "bca", "a"},
		{"it is given up", "b", "b", "acb", "b"},
		{"another was given up before", "b", "ab", "cba", "ab"},
		{"all are given up", "b", "cab", "bac", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &Dialer{candidates: addresses("abc"), refused: addresses(tt.refused)}
			d.state.Store(&dialState{address: udp.Address{Path: tt.current}})
			assert.Equal(t, addresses(tt.want), d.order())
			assert.Equal(t, addresses(tt.left), d.refused)
		})
	}
}

// TestDialsAgain: a request moves the dialer on to the next address, until all were given up.
// Without a request the socket stays until it is old.
func TestDialsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, nil, 0)
		dialled := make(chan string, 16)
		s.config.Resolve = func(context.Context) ([]udp.Address, error) { return addresses("abc"), nil }
		s.config.Dial = func(_ context.Context, to udp.Address) (Socket, error) {
			dialled <- to.Path
			return &fakeSocket{}, nil
		}
		d := StartDialer(s)
		s.Begin(<-s.Dialled())
		assert.Equal(t, "a", <-dialled)
		for _, want := range []string{"b", "c", "c", "a"} {
			<-time.After(10 * time.Second)
			assert.Empty(t, dialled)
			waker.Signal(s.redial)
			s.Begin(<-s.Dialled())
			assert.Equal(t, want, <-dialled)
		}
		<-time.After(20 * time.Minute)
		assert.Equal(t, "a", <-dialled, "an old socket is replaced by one to the same address")
		assert.Empty(t, dialled)
		d.Stop()
		s.End()
	})
}

// TestCauses: what keeps the name from being resolved and the endpoint from being dialled is
// told together, once, and again if nobody took it; and that nothing does any more.
func TestCauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, nil, 0)
		noName, noSocket := errors.New("no such host"), errors.New("too many open files")
		var mu sync.Mutex // for what follows
		resolve, dial, takes := error(nil), noSocket, false
		var told []string
		s.config.Resolve = func(context.Context) ([]udp.Address, error) {
			mu.Lock()
			defer mu.Unlock()
			return addresses("a"), resolve
		}
		s.config.Dial = func(context.Context, udp.Address) (Socket, error) {
			mu.Lock()
			defer mu.Unlock()
			return &fakeSocket{}, dial
		}
		s.config.OnDial = func(cause string) bool {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, cause)
			return takes
		}
		d := StartDialer(s)
		<-time.After(5 * time.Second)
		mu.Lock()
		assert.Greater(t, len(told), 1, "again, since nobody took it")
		assert.Equal(t, "too many open files", told[0])
		takes = true
		mu.Unlock()
		<-time.After(5 * time.Minute)
		mu.Lock()
		told, resolve = nil, noName
		mu.Unlock()
		<-time.After(5 * time.Minute)
		mu.Lock()
		assert.Equal(t, []string{"no such host; too many open files"}, told)
		_, cause := d.Address()
		assert.Equal(t, told[0], cause)
		resolve, dial = nil, nil
		mu.Unlock()
		s.Begin(<-s.Dialled())
		synctest.Wait()
		assert.Equal(t, []string{"no such host; too many open files", ""}, told)
		d.Stop()
		s.End()
	})
}

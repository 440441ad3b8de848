package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

// TestDialErrorOfClose: it is said where points were lost for it, and only then.
func TestDialErrorOfClose(t *testing.T) {
	const cause = "the endpoint cannot be dialled: network is unreachable"
	for _, tt := range []struct {
		name string
		use  func(*testing.T, *Pipeline, *network)
		want string // none: no error
	}{
		{"nothing to lose", func(*testing.T, *Pipeline, *network) {}, ""},
		{"lost by Close", func(t *testing.T, p *Pipeline, _ *network) { exportAtTheEnd(t, p, 10) },
			"otelgram: shutdown: 10 points not sent (unresolved 10); " + cause},
		{"lost before", func(t *testing.T, p *Pipeline, _ *network) {
			require.NoError(t, p.Export(t.Context(), sums(10)))
			require.NoError(t, p.Flush(t.Context()))
		}, "otelgram: shutdown: " + cause},
		{"lost before there was a socket", func(t *testing.T, p *Pipeline, n *network) {
			require.NoError(t, p.Export(t.Context(), sums(10)))
			require.NoError(t, p.Flush(t.Context()))
			n.set(func(n *network) { n.unusable = false })
			<-time.After(time.Minute)
			n.set(func(n *network) { n.address = "" })
			<-time.After(5 * time.Minute)
			assert.Equal(t, uint64(10), p.Stats().Dropped[wire.Unresolved])
			assert.Equal(t, "no such host", p.Stats().DialError)
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{unusable: true, address: "there"}
				p := start(t, n.config())
				tt.use(t, p, n)
				if err := p.Close(t.Context()); tt.want != "" {
					require.EqualError(t, err, tt.want)
				} else {
					require.NoError(t, err)
				}
				requireClosedBooks(t, p)
			})
		})
	}
}

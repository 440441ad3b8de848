package udp

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestInOrder: IPv4 first, the resolver's order within a family, each address once.
func TestInOrder(t *testing.T) {
	var ips []netip.Addr
	for _, s := range []string{"2001:db8::1", "192.0.2.7", "::ffff:192.0.2.7", "2001:db8::", "192.0.2.1", "2001:db8::1"} {
		ips = append(ips, netip.MustParseAddr(s))
	}
	assert.Equal(t, "[192.0.2.7:1 192.0.2.1:1 [2001:db8::1]:1 [2001:db8::]:1]", fmt.Sprint(inOrder(ips, 1)))
}

package udp

import (
	"encoding/binary"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"
)

// TestKernelRelease: which kernels have offload without known faults.
func TestKernelRelease(t *testing.T) {
	for text, want := range map[string]struct {
		release            release
		segments, coalesce bool
	}{
		"6.18.2-amd64":   {release{6, 18, 2}, true, true},
		"5.11.99":        {release{5, 11, 99}, true, false},
		"5.12":           {release{5, 12, 0}, true, true},
		"4.18.0-el8":     {release{4, 18, 0}, true, false},
		"7.0.0-rc1":      {release{7, 0, 0}, false, true},
		"7.1.4":          {release{7, 1, 4}, false, true},
		"7.1.5":          {release{7, 1, 5}, true, true},
		"10.0.1":         {release{10, 0, 1}, true, true},
		"":               {release{}, false, false},
		"no kernel I am": {release{}, false, false},
	} {
		r := parseRelease(text)
		assert.Equal(t, want.release, r, text)
		assert.Equal(t, want.segments, segmentsRightly(r), text)
		assert.Equal(t, want.coalesce, coalescesRightly(r), text)
	}
	assert.False(t, kernelRelease().before(1, 0, 0))
}

// TestSegmentSize: what says nothing of segments leaves a message whole.
func TestSegmentSize(t *testing.T) {
	control := func(level, kind int32, size uint32) []byte {
		b := make([]byte, unix.CmsgSpace(4))
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		h.Level, h.Type = level, kind
		h.SetLen(unix.CmsgLen(4))
		binary.NativeEndian.PutUint32(b[unix.CmsgLen(0):], size)
		return b
	}
	gro := control(unix.SOL_UDP, unix.UDP_GRO, 1472)
	other := control(unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 7)
	for name, tt := range map[string]struct {
		control []byte
		want    int
	}{
		"none":            {nil, 9000},
		"segments":        {gro, 1472},
		"something else":  {other, 9000},
		"behind another":  {append(append([]byte(nil), other...), gro...), 1472},
		"cut off":         {gro[:unix.CmsgLen(2)], 9000},
		"of no bytes":     {control(unix.SOL_UDP, unix.UDP_GRO, 0), 9000},
		"a header alone":  {gro[:unix.SizeofCmsghdr], 9000},
		"no header":       {gro[:unix.SizeofCmsghdr-1], 9000},
		"longer than all": {control(unix.SOL_UDP, unix.UDP_GRO, 60_000), 60_000},
	} {
		assert.Equal(t, tt.want, segmentSize(tt.control, 9000), name)
	}
}

//go:build !linux

package udp

// canSegment reports that only Linux has segmentation offload here.
func canSegment(socket) Offload { return OffloadUnavailable }

// coalesce reports that only Linux has receive offload here.
func coalesce(socket) Offload { return OffloadUnavailable }

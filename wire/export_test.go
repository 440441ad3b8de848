package wire

import "unsafe"

// Expanded returns what the open packet unfolds to, as MaxExpansion counts it.
func (p *Packer) Expanded() int { return p.expanded }

// Expanded returns what the packet unfolds to. Ask before the first Next.
func (d *Decoder) Expanded() int { return d.expanded }

// Footprint returns the memory that the Decoder's tables hold, in bytes.
func (d *Decoder) Footprint() int {
	return footprint(d.strings) + footprint(d.sets) + footprint(d.attributeList) + footprint(d.resources) +
		footprint(d.scopes) + footprint(d.metrics) + footprint(d.bounds) + footprint(d.floats) +
		footprint(d.points) + footprint(d.distributions) + footprint(d.numbers) + footprint(d.quantiles)
}

func footprint[T any](table []T) int {
	var element T
	return cap(table) * int(unsafe.Sizeof(element))
}

// Items returns how many items the open packet has.
func (p *Packer) Items() int { return p.items }

// Items returns how many items the packet has.
func (d *Decoder) Items() int { return d.r.items }

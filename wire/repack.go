package wire

// Repacked is what [Repack] made of a packet.
type Repacked struct {
	// Packets are complete but for what [Stamp] writes, and Points is how many
	// points each has.
	Packets [][]byte
	Points  []int
	// Reductions are of the points that fit only without something.
	Reductions []Reduction
	// Oversize counts the points that fit no packet, whatever was left out.
	Oversize int
}

// Repack packs the points of a Compact packet into packets of at most limit
// bytes, from MinPacketSize to MaxPacketSize, in their order: for a packet,
// stamped already, that proved too large for the network when it was sent. It is
// for rare events: it allocates.
func Repack(packet []byte, limit int) (Repacked, error) {
	var r Repacked
	p, err := NewPacker(limit)
	if err != nil {
		return r, err
	}
	var d Decoder
	if err := d.Reset(packet); err != nil {
		return r, err
	}
	in := interning{symbols: map[string]*Symbol{}}
	in.enter(&d)
	finish := func() {
		r.Points = append(r.Points, p.Points())
		r.Packets = append(r.Packets, p.Finish())
	}
	p.Start(nil)
	for d.Next() {
		pt := in.point(d.Point())
		result := p.Append(&pt)
		if result == Full {
			finish()
			p.Start(nil)
			result = p.Append(&pt)
		}
		if result == Added {
			continue
		}
		if reduction, ok := p.AppendReduced(&pt); ok {
			r.Reductions = append(r.Reductions, reduction)
		} else {
			r.Oversize++
		}
	}
	if p.Points() > 0 {
		finish()
	}
	return r, nil
}

// interning makes interned objects of the views of one packet.
type interning struct {
	symbols map[string]*Symbol
	sets    []*AttributeSet
	metrics []*Metric
}

func (in *interning) enter(d *Decoder) {
	for i := range d.sets {
		in.sets = append(in.sets, in.set(&d.sets[i]))
	}
	resources := make([]*Resource, len(d.resources))
	for i := range d.resources {
		v := &d.resources[i]
		resources[i] = &Resource{SchemaURL: in.symbol(v.SchemaURL), Attributes: in.sets[v.Attributes.Index]}
	}
	scopes := make([]*Scope, len(d.scopes))
	for i := range d.scopes {
		v := &d.scopes[i]
		scopes[i] = &Scope{
			Resource: resources[v.Resource.Index], Attributes: in.sets[v.Attributes.Index],
			Name: in.symbol(v.Name), Version: in.symbol(v.Version), SchemaURL: in.symbol(v.SchemaURL),
		}
	}
	for i := range d.metrics {
		v := &d.metrics[i]
		in.metrics = append(in.metrics, &Metric{
			Scope: scopes[v.Scope.Index],
			Name:  in.symbol(v.Name), Unit: in.symbol(v.Unit), Description: in.symbol(v.Description),
			Kind: v.Kind, Integer: v.Integer, Monotonic: v.Monotonic, Delta: v.Delta,
		})
	}
}

func (in *interning) symbol(text []byte) *Symbol {
	s, ok := in.symbols[string(text)]
	if !ok {
		s = NewSymbol(string(text))
		in.symbols[s.text] = s
	}
	return s
}

func (in *interning) set(v *AttributesView) *AttributeSet {
	s := &AttributeSet{}
	for i := range v.All {
		kv := &v.All[i]
		switch key := in.symbol(kv.Key); kv.Value.Type {
		case StringValue:
			s.AddString(key, in.symbol(kv.Value.data))
		case BytesValue:
			s.AddValue(key, BytesValue, appendText(nil, kv.Value.data))
		default:
			s.AddValue(key, kv.Value.Type, kv.Value.data)
		}
	}
	return s
}

func (in *interning) point(v *PointView) Point {
	pt := Point{
		Metric: in.metrics[v.Metric.Index], Attributes: in.sets[v.Attributes.Index],
		StartTime: v.StartTime, Time: v.Time, Bits: v.Bits, Distribution: &v.Distribution,
	}
	for e := v.Exemplars(); e.Next(); {
		attributes := e.Exemplar.Attributes()
		pt.Exemplars = append(pt.Exemplars, Exemplar{
			Time: e.Exemplar.Time, Bits: e.Exemplar.Bits, TraceID: e.Exemplar.TraceID, SpanID: e.Exemplar.SpanID,
			Attributes: attributes.r.b[attributes.r.off:], AttributeCount: attributes.Len(),
		})
	}
	return pt
}

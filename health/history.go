package health

import "time"

const (
	// historyRows is how many rows a Monitor keeps: ten minutes, at one a second. A row
	// takes 56 bytes, and 64 more if something was dropped in it. All rows together take
	// 34 KB, or 72 KB at most.
	historyRows = 600
	// minRow is the shortest time between two rows.
	minRow = 500 * time.Millisecond
)

// History is what an exporter went through in the last ten minutes, oldest first.
type History struct {
	Rows []Row `json:"rows"`
}

// Row is about a second: from the row before it to Time. Rates are per second.
type Row struct {
	Time    time.Time `json:"time"`
	Status  Status    `json:"status"`
	Offered float64   `json:"offered"`
	Sent    float64   `json:"sent"`
	Dropped float64   `json:"dropped"`
	// Utilization and P99Latency are those of the window, as in [Metrics].
	Utilization float64 `json:"buffer_utilization"`
	P99Latency  float64 `json:"p99_latency_ms"`
	// Reasons is Dropped by reason, without zeros.
	Reasons map[string]float64 `json:"reasons,omitempty"`
}

// HistorySource is a [Source] that also has a history. [Handler] serves it.
type HistorySource interface {
	Source
	// HealthHistory returns the last ten minutes. It must be safe for concurrent use.
	HealthHistory() History
}

// row is a Row as it is kept.
type row struct {
	time                              int64 // Unix milliseconds
	offered, sent, dropped, use, tail float32
	status                            Status
	reasons                           []float32 // in the order of history.reasons; nil if nothing was dropped
}

// history keeps the last rows in a ring.
type history struct {
	rows   []row
	oldest int
	last   Sample // of the last row, or the first sample
	// reasons is the longest list of drop reasons of any sample. All samples have them in the
	// same order.
	reasons []string
}

// add makes a row of the time since the last one.
func (h *history) add(s *Sample, status Status, of Metrics) {
	for _, d := range s.Dropped[min(len(h.reasons), len(s.Dropped)):] {
		h.reasons = append(h.reasons, d.Reason)
	}
	last := h.last
	switch {
	case last.Time.IsZero():
		h.last, h.rows = *s, make([]row, 0, historyRows)
		return
	case s.Time.Sub(last.Time) < minRow:
		return
	}
	seconds := s.Time.Sub(last.Time).Seconds()
	per := func(now, before uint64) float32 { return float32(float64(now-before) / seconds) }
	r := row{
		time: s.Time.UnixMilli(), status: status,
		offered: per(s.Points.Offered, last.Points.Offered),
		sent:    per(s.Points.Sent, last.Points.Sent),
		dropped: per(s.Points.Dropped, last.Points.Dropped),
		use:     float32(of.BufferUtilization), tail: float32(of.P99Latency),
	}
	if r.dropped > 0 {
		r.reasons = make([]float32, len(s.Dropped))
		for i, d := range s.Dropped {
			r.reasons[i] = per(d.Points, last.dropped(d.Reason).Points)
		}
	}
	h.last = *s
	if len(h.rows) < historyRows {
		h.rows = append(h.rows, r)
		return
	}
	h.rows[h.oldest] = r
	h.oldest = (h.oldest + 1) % historyRows
}

// History returns the last ten minutes. It is safe for concurrent use.
func (m *Monitor) History() History {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := &m.history
	rows := make([]Row, 0, len(h.rows))
	for i := range h.rows {
		r := &h.rows[(h.oldest+i)%len(h.rows)]
		out := Row{
			Time: time.UnixMilli(r.time).UTC(), Status: r.status,
			Offered: float64(r.offered), Sent: float64(r.sent), Dropped: float64(r.dropped),
			Utilization: float64(r.use), P99Latency: float64(r.tail),
		}
		if len(r.reasons) > 0 {
			out.Reasons = map[string]float64{}
		}
		for j, v := range r.reasons {
			if v > 0 {
				out.Reasons[h.reasons[j]] = float64(v)
			}
		}
		rows = append(rows, out)
	}
	return History{Rows: rows}
}

package health_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/otelgram/otelgram/health"
)

// source stands for an exporter, which watches itself once a second.
type source struct{ monitor *health.Monitor }

func (s source) Health() health.Report { return s.monitor.Report() }

func Example() {
	s := source{health.NewMonitor(health.Config{})}
	for second := range 3 {
		s.monitor.Observe(health.Sample{
			Time:    time.Date(2026, 1, 1, 0, 0, second, 0, time.UTC),
			Circuit: "closed",
			Points:  health.Points{Offered: uint64(1000 * second), Dropped: uint64(20 * second), Capacity: 16384},
			Dropped: []health.Dropped{{Reason: "ring_full", Points: uint64(20 * second)}},
		})
	}
	mux := http.NewServeMux()
	mux.Handle("/health", health.Handler(s))

	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/health", nil))
	report := s.Health()
	fmt.Println(answer.Code, report.Status, report.Healthy)
	fmt.Println(report.Issues[0])
	// Output:
	// 200 degraded true
	// 2 % of the points were dropped in the last 2s (more than 1 %), most as ring_full
}

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// loadPlan is how many requests a second are due at a service, and how long.
type loadPlan struct {
	URL  string
	Rate int
	For  time.Duration
}

// loadReport is how long requests took, from when each was due: one that waits since
// those before it are slow is slow, too.
type loadReport struct {
	Requests, Failed int
	P50, P99, P999   time.Duration
}

// runLoad is the process of the load generator.
func runLoad(plan []byte, in *bufio.Scanner, out io.Writer) error {
	var p loadPlan
	if err := json.Unmarshal(plan, &p); err != nil {
		return err
	}
	fmt.Fprintln(out, "ready")
	for in.Scan() {
		if err := reply(out, p.run()); err != nil {
			return err
		}
	}
	return nil
}

// run sends the requests, each on time, whatever became of those before it.
func (p *loadPlan) run() (r loadReport) {
	client := http.Client{Transport: &http.Transport{MaxIdleConns: 0, MaxIdleConnsPerHost: 1000}, Timeout: time.Minute}
	r.Requests = int(p.For.Seconds() * float64(p.Rate))
	took := make([]time.Duration, r.Requests)
	failed := make([]bool, r.Requests)
	var requests sync.WaitGroup
	start := time.Now()
	for i := range took {
		due := start.Add(time.Duration(float64(i) / float64(p.Rate) * float64(time.Second)))
		time.Sleep(time.Until(due)) // the rate is what the measurement is about
		requests.Go(func() {
			failed[i] = request(&client, p.URL) != nil
			took[i] = time.Since(due)
		})
	}
	requests.Wait()
	for _, f := range failed {
		if f {
			r.Failed++
		}
	}
	if len(took) > 0 {
		slices.Sort(took)
		r.P50, r.P99, r.P999 = quantile(took, 50), quantile(took, 99), quantile(took, 99.9)
	}
	return r
}

// request makes one request and reads the whole answer.
func request(client *http.Client, url string) error {
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusOK {
		err = errors.Join(err, errors.New(answer.Status))
	}
	return errors.Join(err, answer.Body.Close())
}

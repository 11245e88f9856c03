package main

import (
	"math"
	"strconv"
	"time"
)

// tally is the account of one class at one target by one kind of probe.
type tally struct {
	sent, failed, reconnects, skipped int
	longestLag                        time.Duration
	first, last                       time.Time
	lastOK                            time.Time
	longestGap                        time.Duration // from one success to the next
	longestGapAt                      time.Time
	latencies                         histogram
	failures                          map[string]int
	leaves                            map[leafName]*sighting
}

type sighting struct {
	first, last time.Time
	count       int
}

func newTally() *tally {
	return &tally{failures: map[string]int{}, leaves: map[leafName]*sighting{}}
}

func (t *tally) add(began time.Time, ended time.Time, seen outcome) {
	t.sent++
	if t.first.IsZero() {
		t.first, t.lastOK = began, began
	}
	if ended.After(t.last) {
		t.last = ended
	}
	if seen.reconnect {
		t.reconnects++
	}
	if !seen.ok() {
		t.failed++
		t.failures[failureName(seen)]++
		return
	}
	t.latencies.add(ended.Sub(began))
	if gap := ended.Sub(t.lastOK); gap > t.longestGap {
		t.longestGap, t.longestGapAt = gap, t.lastOK
	}
	if ended.After(t.lastOK) {
		t.lastOK = ended
	}
}

// gap is the longest time without a success, one that lasts to the end included.
func (t *tally) gap() time.Duration {
	return max(t.longestGap, t.last.Sub(t.lastOK))
}

func (t *tally) presented(leaf leafName, at time.Time) {
	seen := t.leaves[leaf]
	if seen == nil {
		seen = &sighting{first: at}
		t.leaves[leaf] = seen
	}
	seen.last = at
	seen.count++
}

func failureName(seen outcome) string {
	if seen.stage == "status" {
		return "status " + strconv.Itoa(seen.status)
	}
	return seen.stage
}

// histogram has buckets that grow by 5 %, from 0.1 ms: exact enough for percentiles, and small for any number of probes.
type histogram struct {
	counts [200]int
	total  int
	max    time.Duration
}

const bucketGrowth = 1.05

func (h *histogram) add(latency time.Duration) {
	ms := float64(latency) / float64(time.Millisecond)
	bucket := 0
	if ms > 0.1 {
		bucket = min(len(h.counts)-1, int(math.Ceil(math.Log(ms/0.1)/math.Log(bucketGrowth))))
	}
	h.counts[bucket]++
	h.total++
	h.max = max(h.max, latency)
}

func (h *histogram) quantileMs(q float64) float64 {
	if h.total == 0 {
		return 0
	}
	wanted, seen := int(math.Ceil(q*float64(h.total))), 0
	for bucket, count := range h.counts {
		if seen += count; seen >= wanted {
			return rounded(0.1 * math.Pow(bucketGrowth, float64(bucket)))
		}
	}
	return rounded(float64(h.max) / float64(time.Millisecond))
}

func rounded(ms float64) float64 { return math.Round(ms*10) / 10 }

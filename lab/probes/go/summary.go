package main

import (
	"encoding/json"
	"os"
	"sort"
	"syscall"
	"time"
)

type summary struct {
	Complete   bool         `json:"complete"`
	StartedAt  int64        `json:"startedAt"`
	At         int64        `json:"at"`
	CPUSeconds float64      `json:"cpuSeconds"`
	CPUPercent float64      `json:"cpuPercent"` // of one core, since the start
	Sent       int          `json:"sent"`
	Failed     int          `json:"failed"`
	Skipped    int          `json:"skipped"`
	Rows       []summaryRow `json:"rows"`
	Events     []event      `json:"events"`
}

type summaryRow struct {
	Class        string         `json:"class"`
	Target       string         `json:"target"`
	Kind         string         `json:"kind"`
	Sent         int            `json:"sent"`
	Failed       int            `json:"failed"`
	Failures     map[string]int `json:"failures"`
	Reconnects   int            `json:"reconnects"`
	Skipped      int            `json:"skipped"`
	LongestLagMs float64        `json:"longestLagMs"`
	LongestGapMs float64        `json:"longestGapMs"`
	LongestGapAt int64          `json:"longestGapAt"`
	FirstAt      int64          `json:"firstAt"`
	LastAt       int64          `json:"lastAt"`
	P50Ms        float64        `json:"p50Ms"`
	P99Ms        float64        `json:"p99Ms"`
	MaxMs        float64        `json:"maxMs"`
	Presented    []presented    `json:"presented"`
}

type presented struct {
	Issuer  string `json:"issuer"`
	SHA256  string `json:"sha256"`
	FirstAt int64  `json:"firstAt"`
	LastAt  int64  `json:"lastAt"`
	Count   int    `json:"count"`
}

func (b *book) summarise(complete bool) summary {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	s := summary{Complete: complete, StartedAt: b.started.UnixMilli(), At: now.UnixMilli(), Rows: []summaryRow{}, Events: append([]event{}, b.events...)}
	s.CPUSeconds = cpuSeconds()
	s.CPUPercent = rounded(100 * s.CPUSeconds / max(now.Sub(b.started).Seconds(), 0.001))
	for k, t := range b.tallies {
		s.Sent += t.sent
		s.Failed += t.failed
		s.Skipped += t.skipped
		s.Rows = append(s.Rows, row(k, t))
	}
	sort.Slice(s.Rows, func(i, j int) bool { return s.Rows[i].sortKey() < s.Rows[j].sortKey() })
	return s
}

func (r summaryRow) sortKey() string { return r.Class + "\x00" + r.Kind + "\x00" + r.Target }

func row(k key, t *tally) summaryRow {
	r := summaryRow{
		Class: k.class, Target: k.target, Kind: k.kind,
		Sent: t.sent, Failed: t.failed, Failures: map[string]int{}, Reconnects: t.reconnects, Skipped: t.skipped,
		LongestLagMs: inMs(t.longestLag), LongestGapMs: inMs(t.gap()), LongestGapAt: atMs(t.longestGapAt),
		FirstAt: atMs(t.first), LastAt: atMs(t.last),
		P50Ms: t.latencies.quantileMs(0.5), P99Ms: t.latencies.quantileMs(0.99), MaxMs: inMs(t.latencies.max),
		Presented: []presented{},
	}
	for name, count := range t.failures {
		r.Failures[name] = count
	}
	for leaf, seen := range t.leaves {
		r.Presented = append(r.Presented, presented{leaf.issuer, leaf.fingerprint, seen.first.UnixMilli(), seen.last.UnixMilli(), seen.count})
	}
	sort.Slice(r.Presented, func(i, j int) bool { return r.Presented[i].FirstAt < r.Presented[j].FirstAt })
	return r
}

// writeSummary replaces the file in one step, so that a reader never sees half of it.
func (b *book) writeSummary(path string, complete bool) error {
	return replaceFile(path, b.summarise(complete))
}

func replaceFile(path string, content any) error {
	text, err := json.MarshalIndent(content, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".part", append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func inMs(d time.Duration) float64 { return rounded(float64(d) / float64(time.Millisecond)) }

func atMs(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

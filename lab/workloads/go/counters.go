package main

import (
	"sync"
	"time"
)

const errorsKept = 20

// counters is what the program felt. Its JSON is the same in all three languages; lab/workloads/counters.ts reads it.
type counters struct {
	mu sync.Mutex
	record
}

type record struct {
	Name       string               `json:"name"`
	Workload   string               `json:"workload"`
	Language   string               `json:"language"`
	Node       string               `json:"node"`
	CASha256   string               `json:"caSha256"`
	StartedAt  int64                `json:"startedAt"`
	At         int64                `json:"at"`
	EndedBy    string               `json:"endedBy"`
	Recovered  bool                 `json:"recovered"`
	Activities map[string]*activity `json:"activities"`
	Errors     []failure            `json:"errors"`
}

// activity is one of write, watch and fresh. A failing run lasts from its first failure to the next success.
type activity struct {
	OK               int            `json:"ok"`
	Failed           int            `json:"failed"`
	ByClass          map[string]int `json:"byClass"`
	FailingSince     int64          `json:"failingSince"`
	LongestFailureMs int64          `json:"longestFailureMs"`
	LongestFailureAt int64          `json:"longestFailureAt"`
	LastOKAt         int64          `json:"lastOkAt"`
	Events           int            `json:"events"`
	LongestSilenceMs int64          `json:"longestSilenceMs"`
}

type failure struct {
	At       int64  `json:"at"`
	Activity string `json:"activity"`
	Class    string `json:"class"`
	Text     string `json:"text"`
}

func newCounters(who identity, caSha256 string) *counters {
	c := &counters{record: record{
		Name: who.Name, Workload: who.Workload, Language: "go", Node: who.Node, CASha256: caSha256,
		StartedAt: nowMs(), Activities: map[string]*activity{}, Errors: []failure{},
	}}
	for _, name := range []string{"write", "watch", "fresh"} {
		c.Activities[name] = &activity{ByClass: map[string]int{}}
	}
	return c
}

func nowMs() int64 { return time.Now().UnixMilli() }

func (c *counters) succeeded(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, now := c.Activities[name], nowMs()
	a.OK++
	a.LastOKAt = now
	if a.FailingSince > 0 {
		a.close(now)
		a.FailingSince = 0
	}
}

// failed counts one failure of an activity that began at the given time.
func (c *counters) failed(name string, began time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, class := c.Activities[name], classify(err)
	a.Failed++
	a.ByClass[class]++
	if a.FailingSince == 0 {
		a.FailingSince = began.UnixMilli()
	}
	a.close(nowMs())
	text := err.Error()
	c.Errors = append(c.Errors, failure{nowMs(), name, class, text[:min(len(text), 240)]})
	c.Errors = c.Errors[max(0, len(c.Errors)-errorsKept):]
}

func (a *activity) close(now int64) {
	if lasted := now - a.FailingSince; lasted > a.LongestFailureMs {
		a.LongestFailureMs, a.LongestFailureAt = lasted, a.FailingSince
	}
}

// heard counts an event of the watch and the silence before it.
func (c *counters) heard(silence time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.Activities["watch"]
	a.Events++
	a.LongestSilenceMs = max(a.LongestSilenceMs, silence.Milliseconds())
}

// failing tells whether the last try of any activity failed.
func (c *counters) failing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.Activities {
		if a.FailingSince > 0 {
			return true
		}
	}
	return false
}

func (c *counters) end(by string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.EndedBy = by
}

func (c *counters) json() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.At, c.Recovered = nowMs(), true
	for _, a := range c.Activities {
		if a.FailingSince > 0 {
			c.Recovered = false
			a.close(c.At)
		}
	}
	return mustJSON(c.record)
}

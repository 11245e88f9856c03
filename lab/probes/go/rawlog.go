package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// rawLog keeps one line of JSON for each probe. A failure is flushed at once.
type rawLog struct {
	mu   sync.Mutex
	file *os.File
	out  *bufio.Writer
}

type failureLine struct {
	T      int64   `json:"t"`
	Class  string  `json:"class"`
	Target string  `json:"target"`
	Kind   string  `json:"kind"`
	OK     bool    `json:"ok"`
	Ms     float64 `json:"ms"`
	Stage  string  `json:"stage"`
	Status int     `json:"status,omitempty"`
	Error  string  `json:"error"`
}

func openRawLog(path string) (*rawLog, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &rawLog{file: file, out: bufio.NewWriterSize(file, 64<<10)}, nil
}

func (l *rawLog) probe(k key, began time.Time, took time.Duration, seen outcome) {
	ms := rounded(float64(took) / float64(time.Millisecond))
	l.mu.Lock()
	defer l.mu.Unlock()
	if seen.ok() {
		// The names come from the configuration; %q is JSON for any that a person would choose.
		fmt.Fprintf(l.out, "{\"t\":%d,\"class\":%q,\"target\":%q,\"kind\":%q,\"ok\":true,\"ms\":%g}\n",
			began.UnixMilli(), k.class, k.target, k.kind, ms)
		return
	}
	l.line(failureLine{began.UnixMilli(), k.class, k.target, k.kind, false, ms, seen.stage, seen.status, seen.err})
	l.out.Flush()
}

func (l *rawLog) event(happened event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line(struct {
		T     int64  `json:"t"`
		Event string `json:"event"`
		Text  string `json:"text"`
	}{happened.At, happened.What, happened.Text})
	l.out.Flush()
}

func (l *rawLog) line(record any) {
	text, err := json.Marshal(record)
	if err != nil {
		return
	}
	l.out.Write(append(text, '\n'))
}

func (l *rawLog) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out.Flush()
}

func (l *rawLog) close() error {
	l.flush()
	return l.file.Close()
}

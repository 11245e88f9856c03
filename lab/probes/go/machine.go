package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// machineConfig is of the mode "machine": a control of the measurement, beside the probers.
type machineConfig struct {
	Log string `json:"log"`
	// DiskFile is written and synced: on the disk that the members of etcd have.
	DiskFile string `json:"diskFile"`
	EveryMs  int    `json:"everyMs"`
	// LeastMs is what is a stall and not an ordinary wait.
	LeastMs int `json:"leastMs"`
}

type stallLine struct {
	T    int64   `json:"t"`
	What string  `json:"what"`
	Ms   float64 `json:"ms"`
}

// stalls are two waits that have nothing to do with the cluster: for the processor, as an ordinary process without a
// head start, and for the disk. While these take long, a request that took as long says nothing about the API.
type stalls struct {
	mu  sync.Mutex
	out *bufio.Writer
	min time.Duration
}

func (s *stalls) note(what string, began time.Time, took time.Duration) {
	if took < s.min {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := json.Marshal(stallLine{began.UnixMilli(), what, rounded(float64(took) / float64(time.Millisecond))})
	if err != nil {
		return
	}
	s.out.Write(append(text, '\n'))
	s.out.Flush()
}

// watchMachine runs until its standard input closes.
func watchMachine(path string) error {
	var config machineConfig
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return err
	}
	log, err := os.OpenFile(config.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	disk, err := os.OpenFile(config.DiskFile, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(config.DiskFile)
	seen := &stalls{out: bufio.NewWriter(log), min: time.Duration(config.LeastMs) * time.Millisecond}
	every := time.Duration(config.EveryMs) * time.Millisecond
	go func() {
		for {
			began := time.Now()
			time.Sleep(every)
			seen.note("processor", began, time.Since(began)-every)
		}
	}()
	go func() {
		page := make([]byte, 4096)
		for turn := int64(0); ; turn++ {
			began := time.Now()
			disk.WriteAt(page, turn%256*4096)
			syscall.Fdatasync(int(disk.Fd()))
			seen.note("disk", began, time.Since(began))
			time.Sleep(every)
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

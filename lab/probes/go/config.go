package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
)

// Config is the whole of what a prober is told; lab/probes/config.ts writes it.
type Config struct {
	RawLog       string            `json:"rawLog"`
	Summary      string            `json:"summary"`
	ControlFile  string            `json:"controlFile"`
	EndWithStdin bool              `json:"endWithStdin"`
	DeadlineMs   int               `json:"deadlineMs"`
	Targets      map[string]Target `json:"targets"`
	Lanes        []Lane            `json:"lanes"`
	Classes      []Class           `json:"classes"`
}

// Target is one address of the API. ServerName is the name to verify, by default the address's host.
type Target struct {
	Address    string `json:"address"`
	ServerName string `json:"serverName"`
}

// Lane is a schedule: one probe every EveryMs. "each" gives every class (or target) a schedule of its own,
// "rotate" lets them take turns in one.
type Lane struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"` // fresh, kept or write
	EveryMs int      `json:"everyMs"`
	Targets []string `json:"targets"`
	Over    struct {
		Classes string `json:"classes"`
		Targets string `json:"targets"`
	} `json:"over"`
}

// Class is one kind of client: what it trusts and what it presents.
type Class struct {
	Name      string `json:"name"`
	CAFile    string `json:"caFile"`
	CertFile  string `json:"certFile"`
	KeyFile   string `json:"keyFile"`
	TokenFile string `json:"tokenFile"`
	ReadPath  string `json:"readPath"`
	// WritePaths take turns: a write that is still under way must not make the next one conflict with it.
	WritePaths []string `json:"writePaths"`
	Lanes      []string `json:"lanes"` // empty: all
}

func readConfig(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config := &Config{DeadlineMs: 1000}
	if err := json.Unmarshal(text, config); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return config, config.check()
}

func (c *Config) check() error {
	if c.RawLog == "" || c.Summary == "" || c.ControlFile == "" {
		return errors.New("rawLog, summary and controlFile are needed")
	}
	for name, target := range c.Targets {
		host, _, err := net.SplitHostPort(target.Address)
		if err != nil {
			return fmt.Errorf("target %s: %w", name, err)
		}
		if target.ServerName == "" {
			target.ServerName = host
			c.Targets[name] = target
		}
	}
	for _, lane := range c.Lanes {
		if !slices.Contains([]string{"fresh", "kept", "write"}, lane.Kind) {
			return fmt.Errorf("lane %s: unknown kind %q", lane.Name, lane.Kind)
		}
		if lane.EveryMs < 5 || len(lane.Targets) == 0 {
			return fmt.Errorf("lane %s: needs everyMs of at least 5 and targets", lane.Name)
		}
		for _, over := range []string{lane.Over.Classes, lane.Over.Targets} {
			if over != "each" && over != "rotate" {
				return fmt.Errorf("lane %s: over is each or rotate, not %q", lane.Name, over)
			}
		}
		if lane.Over.Classes == "each" && lane.Over.Targets == "" {
			return fmt.Errorf("lane %s: over.targets is missing", lane.Name)
		}
		for _, name := range lane.Targets {
			if _, known := c.Targets[name]; !known {
				return fmt.Errorf("lane %s: unknown target %q", lane.Name, name)
			}
		}
	}
	return nil
}

func (c Class) check() error {
	switch {
	case c.Name == "":
		return errors.New("name is missing")
	case c.CAFile == "" || c.ReadPath == "":
		return errors.New("caFile and readPath are needed")
	case (c.CertFile == "") != (c.KeyFile == ""):
		return errors.New("certFile and keyFile belong together")
	}
	return nil
}

func (c Class) uses(lane Lane) bool {
	if lane.Kind == "write" && len(c.WritePaths) == 0 {
		return false
	}
	return len(c.Lanes) == 0 || slices.Contains(c.Lanes, lane.Name)
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// follow keeps a class's material as fresh as its owner would: files at once, a published CA bundle at the pace at
// which a kubelet refreshes a volume.
func (a *activeClass) follow(f *field) {
	files := time.NewTicker(time.Second)
	defer files.Stop()
	published := make(<-chan time.Time)
	if a.class.RefreshCAFrom != "" && a.class.RefreshEveryMs > 0 {
		ticker := time.NewTicker(time.Duration(a.class.RefreshEveryMs) * time.Millisecond)
		defer ticker.Stop()
		published = ticker.C
	}
	for {
		var err error
		before := a.material.current.Load()
		select {
		case <-a.ctx.Done():
			return
		case <-files.C:
			err = a.material.reload()
		case <-published:
			err = a.refreshCA(f)
		}
		switch {
		case err != nil:
			f.book.event("material.failed", a.class.Name+": "+err.Error())
		case before != a.material.current.Load():
			f.book.event("material.changed", a.class.Name)
		}
	}
}

// refreshCA asks the targets in turn, with what the class holds at the moment.
func (a *activeClass) refreshCA(f *field) error {
	failures := []error{}
	for name, target := range f.config.Targets {
		bundle, err := readBundle(a.class, target, a.material.current.Load())
		if err == nil {
			return a.material.publish([]byte(bundle))
		}
		failures = append(failures, fmt.Errorf("%s: %w", name, err))
	}
	return errors.Join(failures...)
}

func readBundle(class Class, target Target, held *credentials) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, seen := connect(ctx, target, held, "http/1.1")
	if !seen.ok() {
		return "", errors.New(seen.err)
	}
	defer conn.Close()
	reading := class
	reading.ReadPath = class.RefreshCAFrom
	request, err := newRequest(ctx, "fresh", reading, target, held)
	if err != nil {
		return "", err
	}
	request.Close = true
	if err := request.Write(conn); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", errors.New(response.Status)
	}
	var configMap struct {
		Data map[string]string `json:"data"`
	}
	if err := json.NewDecoder(response.Body).Decode(&configMap); err != nil {
		return "", err
	}
	bundle, present := configMap.Data["ca.crt"]
	if !present {
		return "", errors.New("no ca.crt in " + class.RefreshCAFrom)
	}
	return bundle, nil
}

// felt is a program as users write them, and it notices a rotation: it writes once a second, holds a watch, and now
// and then opens a fresh connection, all with the CA bundle that it loaded at its start. What failed, it counts.
//
// Inside a cluster it takes no arguments. Outside, FELT_SERVER, FELT_TOKEN_FILE and FELT_CA_FILE say where to and with
// what; both files are read once, as a program with a legacy token does.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// How long a program that is asked to end waits for what fails just then: the next fresh connection is within it.
const recoverWithin = 8 * time.Second

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "felt:", err)
		os.Exit(1)
	}
}

func run() error {
	who := identityFromEnv()
	api, err := connect(who)
	if err != nil {
		return err
	}
	counters := newCounters(who, api.caSha256)
	go serve(counters)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	// They go on after the signal: what fails at that moment may be over with the next try.
	going, end := context.WithCancel(context.Background())
	writer := &writer{api: api, counters: counters}
	go writer.run(going)
	go watch(going, api, counters)
	go openFreshConnections(going, api, counters)
	go printCounters(going, counters)

	<-ctx.Done()
	for until := time.Now().Add(recoverWithin); counters.failing() && time.Now().Before(until); {
		time.Sleep(100 * time.Millisecond)
	}
	end()
	// Written to the last, so that what a rolled pod felt can be read after it is gone.
	counters.end("SIGTERM")
	writer.last()
	return nil
}

func serve(counters *counters) {
	http.HandleFunc("/counters", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(counters.json())
	})
	address := os.Getenv("FELT_LISTEN")
	if address == "" {
		address = ":8080"
	}
	if err := http.ListenAndServe(address, nil); err != nil {
		fmt.Fprintln(os.Stderr, "felt: counters are not served:", err)
	}
}

func printCounters(ctx context.Context, counters *counters) {
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			os.Stdout.Write(append(counters.json(), '\n'))
		}
	}
}

func mustJSON(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		return []byte(`{}`)
	}
	return text
}

// prober opens connections to an API server, around the clock and without a retry, and keeps a log of what it saw.
//
//	prober CONFIG.json
//	prober machine CONFIG.json
//
// The configuration names the files it writes. It ends on SIGTERM, on POST /end to its control address, or, with
// "endWithStdin", when its standard input closes, and leaves a summary that counts every probe. With "machine" it
// watches the machine instead (machine.go).
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	work, args := run, os.Args[1:]
	if len(args) == 2 && args[0] == "machine" {
		work, args = watchMachine, args[1:]
	}
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: prober [machine] CONFIG.json")
		os.Exit(2)
	}
	if err := work(args[0]); err != nil {
		fmt.Fprintln(os.Stderr, "prober:", err)
		os.Exit(1)
	}
}

func run(configPath string) error {
	config, err := readConfig(configPath)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, end := context.WithCancel(ctx)
	defer end()

	log, err := openRawLog(config.RawLog)
	if err != nil {
		return err
	}
	book := newBook(log)
	field := newField(config, book)
	for _, class := range config.Classes {
		if err := field.addClass(class); err != nil {
			return fmt.Errorf("class %s: %w", class.Name, err)
		}
	}
	field.startSharedTracks()
	if err := serveControl(config, field, book, end); err != nil {
		return err
	}
	if config.EndWithStdin {
		go endWithStdin(end)
	}

	ticker := time.NewTicker(2 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			log.flush()
			if err := book.writeSummary(config.Summary, false); err != nil {
				fmt.Fprintln(os.Stderr, "prober: summary:", err)
			}
		case <-ctx.Done():
			field.stopAll()
			if err := log.close(); err != nil {
				return err
			}
			return book.writeSummary(config.Summary, true)
		}
	}
}

func endWithStdin(end context.CancelFunc) {
	buffer := make([]byte, 256)
	for {
		if _, err := os.Stdin.Read(buffer); err != nil {
			end()
			return
		}
	}
}

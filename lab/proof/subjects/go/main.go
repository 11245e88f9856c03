// Two subjects of the proof against reality: `client`, a program on an old client library, and `webhook`, which answers yes to everything.
package main

import (
	"log"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: subject client|webhook")
	}
	switch os.Args[1] {
	case "client":
		client()
	case "webhook":
		go client()
		webhook()
	default:
		log.Fatalf("no such part: %s", os.Args[1])
	}
}

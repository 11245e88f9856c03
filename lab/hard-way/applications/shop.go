package main

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"golang.org/x/net/websocket"
)

// shop answers, and under /ticks holds a websocket on which it says something every second.
func shop() (http.Handler, error) {
	pod := os.Getenv("POD_NAME")
	routes := http.NewServeMux()
	routes.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, pod) })
	// Without the look at Origin that websocket.Handler has: clients of the lab are no browsers.
	routes.Handle("/ticks", websocket.Server{Handler: func(connection *websocket.Conn) {
		for count := 1; ; count++ {
			if websocket.Message.Send(connection, fmt.Sprintf("%s %d", pod, count)) != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}})
	return routes, nil
}

package main

import (
	"encoding/json"
	"log"
	"net/http"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// What one request over a fresh connection came to.
type report struct {
	// HTTP status; 0: no answer.
	Status int `json:"status"`
	// In Go's words; empty: none.
	Error string `json:"error"`
}

// client loads its configuration once, as every program on client-go up to 0.34 does, and asks the API over a fresh connection whenever it is asked to.
// https://github.com/kubernetes/client-go/blob/v0.34.4/rest/config.go InClusterConfig
func client() {
	config, err := rest.InClusterConfig()
	if err != nil {
		log.Fatal(err)
	}
	config.Timeout = 5 * time.Second
	transport, err := rest.TransportFor(config)
	if err != nil {
		log.Fatal(err)
	}
	web := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	var one sync.Mutex
	ask := func() report {
		one.Lock()
		defer one.Unlock()
		web.CloseIdleConnections()
		response, err := web.Get(config.Host + "/version")
		if err != nil {
			return report{Error: err.Error()}
		}
		defer response.Body.Close()
		return report{Status: response.StatusCode}
	}
	asked := http.NewServeMux()
	asked.HandleFunc("/", func(out http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(out).Encode(ask()); err != nil {
			log.Print(err)
		}
	})
	log.Fatal(http.ListenAndServe(":8080", asked))
}

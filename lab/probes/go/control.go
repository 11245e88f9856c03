package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
)

// serveControl listens on loopback and writes where to the control file:
//
//	POST /classes         add a class (its JSON in the body)
//	DELETE /classes/NAME  stop it; answers when its last probe has ended
//	GET /summary          the counts so far
//	POST /end             end the prober
func serveControl(config *Config, field *field, book *book, end context.CancelFunc) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("POST /classes", func(w http.ResponseWriter, r *http.Request) {
		var class Class
		if err := json.NewDecoder(r.Body).Decode(&class); err != nil {
			answer(w, err)
			return
		}
		answer(w, field.addClass(class))
	})
	routes.HandleFunc("DELETE /classes/{name}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, field.stopClass(r.PathValue("name")))
	})
	routes.HandleFunc("GET /summary", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(book.summarise(false))
	})
	routes.HandleFunc("POST /end", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, nil)
		end()
	})
	go http.Serve(listener, routes)
	return replaceFile(config.ControlFile, map[string]string{"address": listener.Addr().String()})
}

func answer(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusConflict)
		json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
		return
	}
	w.Write([]byte("{}\n"))
}

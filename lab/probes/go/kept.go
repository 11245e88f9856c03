package main

import (
	"context"
	"time"

	"golang.org/x/net/http2"
)

var http2Transport = &http2.Transport{
	// A server's GOAWAY is not answered by a silent second try: RoundTrip of a bare ClientConn never repeats.
	DisableCompression: true,
}

// keptConnection is one HTTP/2 connection that probes share for as long as it lives.
type keptConnection struct {
	class   Class
	target  Target
	kind    string
	opening chan struct{} // holds one token: who has it may open the connection
	live    *http2.ClientConn
	opened  int
}

func newKeptConnection(class Class, target Target, kind string) *keptConnection {
	return &keptConnection{class: class, target: target, kind: kind, opening: make(chan struct{}, 1)}
}

func (k *keptConnection) probe(ctx context.Context, held *credentials) outcome {
	live, seen := k.connection(ctx, held)
	if !seen.ok() {
		return seen
	}
	request, err := newRequest(ctx, k.kind, k.class, k.target, held)
	if err != nil {
		return failedAt("request", err)
	}
	response, err := live.RoundTrip(request)
	if err != nil {
		k.drop(live)
		failed := failedAt("request", err)
		failed.reconnect = seen.reconnect
		return failed
	}
	seen = judge(response, seen)
	if seen.stage == "request" {
		k.drop(live)
	}
	return seen
}

// connection gives the live connection, or opens one if there is none that takes a request.
func (k *keptConnection) connection(ctx context.Context, held *credentials) (*http2.ClientConn, outcome) {
	select {
	case k.opening <- struct{}{}:
		defer func() { <-k.opening }()
	case <-ctx.Done():
		return nil, failedAt("dial", ctx.Err())
	}
	if k.live != nil && k.live.CanTakeNewRequest() {
		return k.live, outcome{}
	}
	conn, seen := connect(ctx, k.target, held, "h2")
	if !seen.ok() {
		return nil, seen
	}
	live, err := http2Transport.NewClientConn(conn)
	if err != nil {
		conn.Close()
		return nil, failedAt("handshake", err)
	}
	k.live = live
	seen.reconnect = k.opened > 0
	k.opened++
	return live, seen
}

// drop takes a connection that failed a request out of use, so that the next probe opens another. Probes still under
// way on it keep their own deadline: one that timed out must not fail its neighbours.
func (k *keptConnection) drop(failed *http2.ClientConn) {
	k.opening <- struct{}{}
	if k.live == failed {
		k.live = nil
		go retire(failed)
	}
	<-k.opening
}

func retire(connection *http2.ClientConn) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if connection.Shutdown(ctx) != nil {
		connection.Close()
	}
}

// end closes the connection of a class that has stopped.
func (k *keptConnection) end() {
	k.opening <- struct{}{}
	if k.live != nil {
		k.live.Close()
		k.live = nil
	}
	<-k.opening
}

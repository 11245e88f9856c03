package main

import (
	"bufio"
	"context"
	"net/http"
)

// probeFresh opens a connection, asks once and closes it. HTTP/1.1 by hand: net/http's transport would retry a
// request on its own account when a connection breaks at the wrong moment.
func probeFresh(ctx context.Context, class Class, target Target, held *credentials) outcome {
	conn, seen := connect(ctx, target, held, "http/1.1")
	if !seen.ok() {
		return seen
	}
	defer conn.Close()
	if deadline, set := ctx.Deadline(); set {
		if err := conn.SetDeadline(deadline); err != nil {
			return failedAt("request", err)
		}
	}
	request, err := newRequest(ctx, "fresh", class, target, held)
	if err != nil {
		return failedAt("request", err)
	}
	request.Close = true
	if err := request.Write(conn); err != nil {
		return failedAt("request", err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return failedAt("request", err)
	}
	return judge(response, seen)
}

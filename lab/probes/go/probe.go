package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// writes counts all of them, so that each goes to another object than the one before.
var writes atomic.Int64

// outcome is what one probe found. An empty stage is success.
type outcome struct {
	stage     string // dial, handshake, request or status: where it ended
	err       string
	status    int
	reconnect bool
	leaf      []byte // the server certificate in DER, when a handshake took place
}

func (o outcome) ok() bool { return o.stage == "" }

func failedAt(stage string, err error) outcome { return outcome{stage: stage, err: err.Error()} }

// connect dials and shakes hands, both within the context's deadline.
func connect(ctx context.Context, target Target, held *credentials, protocol string) (*tls.Conn, outcome) {
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "tcp", target.Address)
	if err != nil {
		return nil, failedAt("dial", err)
	}
	conn := tls.Client(raw, held.tlsConfig(target.ServerName, protocol))
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, failedAt("handshake", err)
	}
	return conn, outcome{leaf: conn.ConnectionState().PeerCertificates[0].Raw}
}

// judge turns an answer into an outcome. Only 200 is success.
func judge(response *http.Response, seen outcome) outcome {
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	response.Body.Close()
	seen.status = response.StatusCode
	if err != nil {
		seen.stage, seen.err = "request", "reading the answer: "+err.Error()
		return seen
	}
	if response.StatusCode != http.StatusOK {
		seen.stage, seen.err = "status", fmt.Sprintf("%s: %.300s", response.Status, body)
	}
	return seen
}

func newRequest(ctx context.Context, kind string, class Class, target Target, held *credentials) (*http.Request, error) {
	method, path, body := http.MethodGet, class.ReadPath, io.Reader(nil)
	if kind == "write" {
		method, path = http.MethodPatch, class.WritePaths[int(writes.Add(1))%len(class.WritePaths)]
		body = strings.NewReader(fmt.Sprintf(`{"data":{"at":"%d"}}`, time.Now().UnixMilli()))
	}
	request, err := http.NewRequestWithContext(ctx, method, "https://"+target.Address+path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "rotate-ca-prober/"+class.Name)
	request.Header.Set("Accept", "application/json")
	if kind == "write" {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	if held.bearer != "" {
		request.Header.Set("Authorization", "Bearer "+held.bearer)
	}
	return request, nil
}

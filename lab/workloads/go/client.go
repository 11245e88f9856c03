package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const callDeadline = 5 * time.Second

type identity struct {
	Name      string
	Namespace string
	Node      string
	Workload  string
}

type api struct {
	identity
	client   rest.Interface
	fresh    *http.Client
	host     string
	caSha256 string
}

func (a *api) objectName() string { return "felt-" + a.Name }

func identityFromEnv() identity {
	who := identity{
		Name:      os.Getenv("POD_NAME"),
		Namespace: os.Getenv("POD_NAMESPACE"),
		Node:      os.Getenv("NODE_NAME"),
		Workload:  os.Getenv("FELT_WORKLOAD"),
	}
	if who.Name == "" {
		who.Name = "unnamed"
	}
	if who.Namespace == "" {
		who.Namespace = "felt"
	}
	return who
}

func connect(who identity) (*api, error) {
	config, caPEM, err := clientConfig()
	if err != nil {
		return nil, err
	}
	// No throttle of its own: a write that waits here would look like a slow server.
	config.QPS = -1
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	fresh, err := freshClient(config, caPEM)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(caPEM)
	return &api{
		identity: who,
		client:   clients.CoreV1().RESTClient(),
		fresh:    fresh,
		host:     config.Host,
		caSha256: hex.EncodeToString(sum[:]),
	}, nil
}

// clientConfig is client-go's in-cluster configuration, or that of an external program with a legacy token.
func clientConfig() (*rest.Config, []byte, error) {
	server := os.Getenv("FELT_SERVER")
	if server == "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, nil, err
		}
		caPEM, err := os.ReadFile(config.CAFile)
		return config, caPEM, err
	}
	token, err := os.ReadFile(os.Getenv("FELT_TOKEN_FILE"))
	if err != nil {
		return nil, nil, err
	}
	caPEM, err := os.ReadFile(os.Getenv("FELT_CA_FILE"))
	if err != nil {
		return nil, nil, err
	}
	config := &rest.Config{Host: server, BearerToken: strings.TrimSpace(string(token))}
	config.CAData = caPEM
	return config, caPEM, nil
}

// freshClient connects anew for each request and trusts what the program loaded at its start. The connection that
// client-go keeps would hide for hours that this is no longer enough.
func freshClient(config *rest.Config, caPEM []byte) (*http.Client, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(caPEM) {
		return nil, errors.New("no certificate in the CA bundle")
	}
	transport, err := rest.HTTPWrappersForConfig(config, &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots},
	})
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: transport, Timeout: callDeadline}, nil
}

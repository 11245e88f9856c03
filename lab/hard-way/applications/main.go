// applications are what users of the hard-way cluster run on it: a shop that needs no API, an ingress that learns of the shop's
// pods through the API, and a monitoring system that scrapes API and kubelets. The last two live on tokens.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const listen = ":8080"

func main() {
	roles := map[string]func() (http.Handler, error){"shop": shop, "ingress": ingress, "monitor": monitor}
	if len(os.Args) != 2 || roles[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: applications shop | ingress | monitor")
		os.Exit(2)
	}
	if err := serve(roles[os.Args[1]]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

// serve listens until SIGTERM, which has no default action for the first process of a container.
func serve(role func() (http.Handler, error)) error {
	handler, err := role()
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- http.ListenAndServe(listen, handler) }()
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM, syscall.SIGINT)
	select {
	case err := <-ended:
		return err
	case <-asked:
		return nil
	}
}

// inCluster is the way to the API on the pod's own token.
func inCluster() (*rest.Config, *kubernetes.Clientset, error) {
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, nil, err
	}
	clients, err := kubernetes.NewForConfig(config)
	return config, clients, err
}

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	listers "k8s.io/client-go/listers/discovery/v1"
)

// ingress sends /NAMESPACE/SERVICE/PATH to a ready endpoint of that Service, websockets too. What it knows of endpoints it has
// from the API; while the API does not answer it goes on with what it knew last.
func ingress() (http.Handler, error) {
	_, clients, err := inCluster()
	if err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactory(clients, 0)
	slices := factory.Discovery().V1().EndpointSlices()
	synced := slices.Informer().HasSynced
	factory.Start(context.Background().Done())
	router := &router{slices: slices.Lister()}
	routes := http.NewServeMux()
	routes.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !synced() {
			http.Error(w, "no endpoints from the API yet", http.StatusServiceUnavailable)
		}
	})
	routes.Handle("/", router)
	return routes, nil
}

type router struct {
	slices listers.EndpointSliceLister
	turn   atomic.Uint64
}

func (r *router) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	parts := strings.SplitN(strings.TrimPrefix(request.URL.Path, "/"), "/", 3)
	if len(parts) < 2 {
		http.Error(w, "/NAMESPACE/SERVICE/…", http.StatusNotFound)
		return
	}
	addresses, err := r.endpoints(parts[0], parts[1])
	if err != nil || len(addresses) == 0 {
		http.Error(w, "no endpoint is ready", http.StatusServiceUnavailable)
		return
	}
	target := addresses[r.turn.Add(1)%uint64(len(addresses))]
	proxy := &httputil.ReverseProxy{
		FlushInterval: time.Millisecond,
		Rewrite: func(out *httputil.ProxyRequest) {
			out.Out.URL.Path = "/" + strings.Join(parts[2:], "/")
			out.SetURL(&url.URL{Scheme: "http", Host: target})
		},
	}
	proxy.ServeHTTP(w, request)
}

func (r *router) endpoints(namespace, service string) ([]string, error) {
	selector := labels.SelectorFromSet(labels.Set{discovery.LabelServiceName: service})
	slices, err := r.slices.EndpointSlices(namespace).List(selector)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, slice := range slices {
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready == nil || !*endpoint.Conditions.Ready || len(slice.Ports) == 0 {
				continue
			}
			for _, address := range endpoint.Addresses {
				found = append(found, fmt.Sprintf("%s:%d", address, *slice.Ports[0].Port))
			}
		}
	}
	return found, nil
}

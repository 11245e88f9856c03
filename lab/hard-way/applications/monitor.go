package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	scrapeEvery    = 5 * time.Second
	scrapeDeadline = 4 * time.Second
)

// scrape is the last look at one target. LastOKAt is zero until the first that went well.
type scrape struct {
	LastOKAt int64  `json:"lastOkAt"`
	Failed   int    `json:"failed"`
	Error    string `json:"error,omitempty"`
}

type scraper struct {
	mu      sync.Mutex
	targets map[string]*scrape
}

// monitor lists nodes through the API and reads the metrics of API and kubelets with its own token, as Prometheus does. The
// kubelets' certificates are their own, so nobody can verify them. /targets says how each went.
func monitor() (http.Handler, error) {
	config, clients, err := inCluster()
	if err != nil {
		return nil, err
	}
	withToken, err := rest.HTTPWrappersForConfig(config, &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
	})
	if err != nil {
		return nil, err
	}
	s := &scraper{targets: map[string]*scrape{}}
	kubelets := &http.Client{Transport: withToken, Timeout: scrapeDeadline}
	go func() {
		for {
			s.round(clients, kubelets)
			time.Sleep(scrapeEvery)
		}
	}()
	routes := http.NewServeMux()
	routes.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	routes.HandleFunc("/targets", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		json.NewEncoder(w).Encode(s.targets)
	})
	return routes, nil
}

func (s *scraper) round(clients kubernetes.Interface, kubelets *http.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeDeadline)
	defer cancel()
	s.note("apiserver", clients.Discovery().RESTClient().Get().AbsPath("/metrics").Do(ctx).Error())
	nodes, err := clients.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	s.note("nodes", err)
	if err != nil {
		return
	}
	for _, node := range nodes.Items {
		for _, address := range node.Status.Addresses {
			if address.Type == "InternalIP" {
				s.note(node.Name, get(kubelets, fmt.Sprintf("https://%s:10250/metrics/resource", address.Address)))
			}
		}
	}
}

func get(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", response.Status)
	}
	return nil
}

func (s *scraper) note(target string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.targets[target] == nil {
		s.targets[target] = &scrape{}
	}
	seen := s.targets[target]
	if err != nil {
		seen.Failed++
		seen.Error = err.Error()
		return
	}
	seen.LastOKAt, seen.Error = time.Now().UnixMilli(), ""
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
)

const (
	writeEvery = time.Second
	freshEvery = 5 * time.Second
	watchAgain = 500 * time.Millisecond
	lastTries  = 4
)

// writer writes the counters into a ConfigMap of the program's own: one key for each start, so that neither a restart
// of the container nor a pod of the same name overwrites what was felt before.
type writer struct {
	api      *api
	counters *counters
	exists   bool
	// One write at a time: the last one, which says how the program ended, must not be overtaken by the one before it.
	turn sync.Mutex
}

func (w *writer) run(ctx context.Context) {
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.write()
		}
	}
}

// last writes until the record is there, and in it no failure that this very write has ended.
func (w *writer) last() {
	for tries := 0; tries < lastTries; tries++ {
		wasFailing := w.counters.failing()
		if w.write() && !wasFailing {
			return
		}
		time.Sleep(watchAgain)
	}
}

// write tries once. There is no retry inside it.
func (w *writer) write() bool {
	w.turn.Lock()
	defer w.turn.Unlock()
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), callDeadline)
	defer cancel()
	err := w.send(ctx)
	switch {
	case err == nil:
		w.exists = true
	case !w.exists && apierrors.IsAlreadyExists(err):
		w.exists, err = true, nil
	case apierrors.IsNotFound(err):
		w.exists = false
	}
	if err != nil {
		w.counters.failed("write", began, err)
		return false
	}
	w.counters.succeeded("write")
	return true
}

func (w *writer) send(ctx context.Context) error {
	data := map[string]string{"run-" + strconv.FormatInt(w.counters.StartedAt, 10): string(w.counters.json())}
	if w.exists {
		return w.api.client.Patch(types.MergePatchType).MaxRetries(0).Namespace(w.api.Namespace).Resource("configmaps").
			Name(w.api.objectName()).Body(mustJSON(map[string]any{"data": data})).Do(ctx).Error()
	}
	object := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: w.api.objectName(), Labels: map[string]string{"felt": "counters"}},
		Data:       data,
	}
	return w.api.client.Post().MaxRetries(0).Namespace(w.api.Namespace).Resource("configmaps").Body(object).Do(ctx).Error()
}

// watch holds a raw watch on the program's own ConfigMap, which changes every second, and re-establishes it when it
// ends. An end that the server chose in peace is no failure.
func watch(ctx context.Context, api *api, counters *counters) {
	for ctx.Err() == nil {
		began := time.Now()
		if err := watchOnce(ctx, api, counters); err != nil && ctx.Err() == nil {
			counters.failed("watch", began, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(watchAgain):
		}
	}
}

func watchOnce(ctx context.Context, api *api, counters *counters) error {
	options := &metav1.ListOptions{Watch: true, FieldSelector: "metadata.name=" + api.objectName()}
	stream, err := api.client.Get().MaxRetries(0).Namespace(api.Namespace).Resource("configmaps").
		VersionedParams(options, scheme.ParameterCodec).Watch(ctx)
	if err != nil {
		return err
	}
	defer stream.Stop()
	counters.succeeded("watch")
	last := time.Now()
	for event := range stream.ResultChan() {
		if event.Type == apiwatch.Error {
			return apierrors.FromObject(event.Object)
		}
		counters.heard(time.Since(last))
		last = time.Now()
	}
	return nil
}

func openFreshConnections(ctx context.Context, api *api, counters *counters) {
	ticker := time.NewTicker(freshEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		began := time.Now()
		if err := connectOnce(api); err != nil {
			counters.failed("fresh", began, err)
		} else {
			counters.succeeded("fresh")
		}
	}
}

func connectOnce(api *api) error {
	url := fmt.Sprintf("%s/api/v1/namespaces/%s/configmaps/%s?resourceVersion=0", api.host, api.Namespace, api.objectName())
	response, err := api.fresh.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	switch response.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized:
		return apierrors.NewUnauthorized("fresh connection")
	default:
		return errors.New(response.Status)
	}
}

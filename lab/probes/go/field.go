package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// field is the set of classes that are active and the tracks that probe for them.
type field struct {
	config *Config
	book   *book
	ctx    context.Context
	cancel context.CancelFunc
	tracks sync.WaitGroup

	mu     sync.Mutex
	active []*activeClass
	index  int
}

type activeClass struct {
	class    Class
	material *material
	ctx      context.Context
	cancel   context.CancelFunc
	probes   sync.WaitGroup
	mu       sync.Mutex
	stopped  bool
	kept     map[string]*keptConnection
}

func newField(config *Config, book *book) *field {
	ctx, cancel := context.WithCancel(context.Background())
	return &field{config: config, book: book, ctx: ctx, cancel: cancel}
}

func (f *field) addClass(class Class) error {
	if err := class.check(); err != nil {
		return err
	}
	material, err := loadMaterial(class)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(f.ctx)
	added := &activeClass{class: class, material: material, ctx: ctx, cancel: cancel, kept: map[string]*keptConnection{}}
	f.mu.Lock()
	if slices.ContainsFunc(f.active, func(a *activeClass) bool { return a.class.Name == class.Name }) {
		f.mu.Unlock()
		cancel()
		return fmt.Errorf("class %s is active already", class.Name)
	}
	f.active = append(f.active, added)
	f.mu.Unlock()
	f.book.event("class.added", class.Name)

	go added.follow(f)
	for _, lane := range f.config.Lanes {
		if lane.Over.Classes != "each" || !class.uses(lane) {
			continue
		}
		f.startTracks(ctx, lane, func(int) *activeClass { return added })
	}
	return nil
}

// startSharedTracks starts the lanes in which the active classes take turns.
func (f *field) startSharedTracks() {
	for _, lane := range f.config.Lanes {
		if lane.Over.Classes != "rotate" {
			continue
		}
		f.startTracks(f.ctx, lane, func(turn int) *activeClass {
			f.mu.Lock()
			defer f.mu.Unlock()
			var users []*activeClass
			for _, candidate := range f.active {
				if candidate.class.uses(lane) {
					users = append(users, candidate)
				}
			}
			if len(users) == 0 {
				return nil
			}
			return users[turn%len(users)]
		})
	}
}

func (f *field) startTracks(ctx context.Context, lane Lane, pick func(turn int) *activeClass) {
	if lane.Over.Targets == "rotate" {
		f.startTrack(ctx, lane, lane.Targets, pick)
		return
	}
	for _, name := range lane.Targets {
		f.startTrack(ctx, lane, []string{name}, pick)
	}
}

func (f *field) startTrack(ctx context.Context, lane Lane, targets []string, pick func(turn int) *activeClass) {
	choose := func(shot int) (*activeClass, string) {
		return pick(shot / len(targets)), targets[shot%len(targets)]
	}
	f.mu.Lock()
	f.index++
	offset := staggered(f.index, lane.EveryMs)
	f.mu.Unlock()
	t := &track{lane: lane, offset: offset,
		fire: func(shot int) {
			if class, target := choose(shot); class != nil {
				f.shoot(class, lane, target)
			}
		},
		missed: func(shot int, slots int, lag time.Duration) {
			if class, target := choose(shot); class != nil {
				f.book.missed(key{class.class.Name, target, lane.Kind}, slots, lag)
			}
		},
	}
	f.tracks.Add(1)
	go func() {
		defer f.tracks.Done()
		t.run(ctx)
	}()
}

// shoot runs one probe in a goroutine of its own. It runs to its end even if its class is stopped meanwhile.
func (f *field) shoot(active *activeClass, lane Lane, targetName string) {
	active.mu.Lock()
	defer active.mu.Unlock()
	if active.stopped {
		return
	}
	target := f.config.Targets[targetName]
	var kept *keptConnection
	if lane.Kind != "fresh" {
		id := lane.Kind + " " + targetName
		if kept = active.kept[id]; kept == nil {
			kept = newKeptConnection(active.class, target, lane.Kind)
			active.kept[id] = kept
		}
	}
	active.probes.Add(1)
	go func() {
		defer active.probes.Done()
		began := time.Now()
		ctx, cancel := context.WithDeadline(context.Background(), began.Add(time.Duration(f.config.DeadlineMs)*time.Millisecond))
		defer cancel()
		held := active.material.current.Load()
		var seen outcome
		if kept != nil {
			seen = kept.probe(ctx, held)
		} else {
			seen = probeFresh(ctx, active.class, target, held)
		}
		f.book.note(key{active.class.Name, targetName, lane.Kind}, began, time.Now(), seen)
	}()
}

// stopClass ends a class: no new probe, those under way run out, then its connections are closed.
func (f *field) stopClass(name string) error {
	f.mu.Lock()
	at := slices.IndexFunc(f.active, func(a *activeClass) bool { return a.class.Name == name })
	if at < 0 {
		f.mu.Unlock()
		return errors.New("no active class " + name)
	}
	stopping := f.active[at]
	f.active = slices.Delete(f.active, at, at+1)
	f.mu.Unlock()

	stopping.mu.Lock()
	stopping.stopped = true
	stopping.mu.Unlock()
	stopping.cancel()
	stopping.probes.Wait()
	for _, kept := range stopping.kept {
		kept.end()
	}
	f.book.event("class.stopped", name)
	return nil
}

func (f *field) stopAll() {
	f.mu.Lock()
	names := make([]string, 0, len(f.active))
	for _, active := range f.active {
		names = append(names, active.class.Name)
	}
	f.mu.Unlock()
	// All at once: while one is waited for, the others would go on and count what happens after the end.
	var stopping sync.WaitGroup
	for _, name := range names {
		stopping.Go(func() {
			if err := f.stopClass(name); err != nil {
				f.book.event("class.stop.failed", err.Error())
			}
		})
	}
	stopping.Wait()
	f.cancel()
	f.tracks.Wait()
}

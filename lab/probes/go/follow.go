package main

import "time"

// follow keeps a class's material as fresh as its owner does: files are looked at every second.
func (a *activeClass) follow(f *field) {
	files := time.NewTicker(time.Second)
	defer files.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-files.C:
		}
		before := a.material.current.Load()
		if err := a.material.reload(); err != nil {
			f.book.event("material.failed", a.class.Name+": "+err.Error())
		} else if before != a.material.current.Load() {
			f.book.event("material.changed", a.class.Name)
		}
	}
}

package main

import (
	"context"
	"time"
)

// A track fires once per period, at instants that do not depend on how long a probe takes. An instant that was
// missed because the machine was busy is skipped and counted, never made up for by a burst.
type track struct {
	lane   Lane
	offset time.Duration
	fire   func(shot int)
	missed func(shot int, slots int, lag time.Duration)
}

func (t *track) run(ctx context.Context) {
	period := time.Duration(t.lane.EveryMs) * time.Millisecond
	start := time.Now().Add(t.offset)
	timer := time.NewTimer(time.Until(start))
	defer timer.Stop()
	for slot := 0; ; slot++ {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if lag := time.Since(start.Add(time.Duration(slot) * period)); lag >= period {
			slots := int(lag / period)
			t.missed(slot, slots, lag)
			slot += slots
		}
		t.fire(slot)
		timer.Reset(time.Until(start.Add(time.Duration(slot+1) * period)))
	}
}

// staggered spreads the tracks over the period, so that they do not all knock at the same instant.
func staggered(index int, everyMs int) time.Duration {
	const golden = 0.6180339887
	turn := float64(index) * golden
	turn -= float64(int(turn))
	return time.Duration(turn * float64(everyMs) * float64(time.Millisecond))
}

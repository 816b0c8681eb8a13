// Whether all workers share the work, and whether one that is held keeps others from theirs.
package main

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	taskBusy   = 100 * time.Microsecond
	workerHeld = time.Second
)

func keepBusy(d time.Duration) {
	for t := time.Now(); time.Since(t) < d; {
	}
}

// fanOut: one goroutine spawns all, and each keeps its worker busy for a while.
func fanOut(n int) []figure {
	var wg sync.WaitGroup
	wg.Add(n)
	t := time.Now()
	for i := 0; i < n; i++ {
		go func() {
			keepBusy(taskBusy)
			wg.Done()
		}()
	}
	wg.Wait()
	return ms(t)
}

// held: a goroutine spawns n and keeps its worker; the time until the last has started.
func held(n int) []figure {
	var wg sync.WaitGroup
	var latest atomic.Int64
	wg.Add(n)
	for i := 0; i < n; i++ {
		t := time.Now()
		go func() {
			d := time.Since(t).Nanoseconds()
			for old := latest.Load(); old < d && !latest.CompareAndSwap(old, d); old = latest.Load() {
			}
			wg.Done()
		}()
	}
	keepBusy(workerHeld)
	wg.Wait()
	return []figure{{"ms", float64(latest.Load()) / 1e6}}
}

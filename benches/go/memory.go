// What a great many goroutines cost that all wait.
package main

import (
	"runtime"
	"sync"
	"time"
)

const (
	settle   = 100 * time.Millisecond
	giveBack = 3 * time.Second
)

// parked: all receive from one channel; bytes of each, pages of the kernel for it included.
func parked(n int) []figure {
	runtime.GC()
	before := memory()
	gate := make(chan struct{})
	var up, down sync.WaitGroup
	up.Add(n)
	down.Add(n)
	t := time.Now()
	for i := 0; i < n; i++ {
		go func() {
			up.Done()
			<-gate
			down.Done()
		}()
	}
	up.Wait()
	figures := ns(t, n)
	time.Sleep(settle)
	figures = append(figures, figure{"bytes", (memory() - before) * 1024 / float64(n)})
	close(gate)
	down.Wait()
	return figures
}

// sleepers: all sleep for a second; how long that takes, and what is held afterwards.
func sleepers(n int) []figure {
	before := memory()
	var wg sync.WaitGroup
	wg.Add(n)
	t := time.Now()
	for i := 0; i < n; i++ {
		go func() {
			time.Sleep(time.Second)
			wg.Done()
		}()
	}
	wg.Wait()
	figures := ms(t)
	t = time.Now()
	share := stillHeld(before)
	for share > 0.25 && time.Since(t) < giveBack {
		time.Sleep(settle)
		share = stillHeld(before)
	}
	return append(figures, figure{"held", share * 100})
}

// stillHeld is the share of what was added that is still there. Page tables hardly ever shrink, so
// those of now count for the most that there was.
func stillHeld(before float64) float64 {
	return max(memory()-before, 0) / max(status("VmHWM")+status("VmPTE")-before, 1)
}

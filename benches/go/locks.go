// Lock, add one, unlock.
package main

import (
	"sync"
	"time"
)

var sink int

// mutexFree: nobody else wants it.
func mutexFree(n int) []figure {
	var mu sync.Mutex
	t := time.Now()
	for i := 0; i < n; i++ {
		mu.Lock()
		sink++
		mu.Unlock()
	}
	return ns(t, n)
}

// mutexContended: so many goroutines want it all the time.
func mutexContended(goroutines, n int) []figure {
	var mu sync.Mutex
	var wg sync.WaitGroup
	wg.Add(goroutines)
	t := time.Now()
	for i := 0; i < goroutines; i++ {
		go func() {
			for j := 0; j < n/goroutines; j++ {
				mu.Lock()
				sink++
				mu.Unlock()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	return ns(t, n/goroutines*goroutines)
}

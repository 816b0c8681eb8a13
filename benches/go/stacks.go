// What it costs to see where a great many goroutines stand.
package main

import (
	"io"
	"runtime/pprof"
	"sync"
	"time"
)

// depth is how many calls lie between a goroutine's entry and its wait.
const depth = 10

//go:noinline
func descend(depth int, gate chan struct{}) int {
	if depth == 0 {
		<-gate
		return 0
	}
	return descend(depth-1, gate) + 1
}

// stacks: all wait below ten calls of their own; the profile with every goroutine's stack as text.
func stacks(n int) []figure {
	gate := make(chan struct{})
	var up, down sync.WaitGroup
	up.Add(n)
	down.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			up.Done()
			if descend(depth, gate) != depth {
				panic("depth")
			}
			down.Done()
		}()
	}
	up.Wait()
	time.Sleep(settle)
	t := time.Now()
	if err := pprof.Lookup("goroutine").WriteTo(io.Discard, 2); err != nil {
		panic(err)
	}
	figures := ms(t)
	close(gate)
	down.Wait()
	return figures
}

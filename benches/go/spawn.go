// Goroutines that begin, give way and end.
package main

import (
	"runtime"
	"sync"
	"time"
)

const batch = 1000

// spawnOne: spawn one, wait for its end, spawn the next. Through a channel: a WaitGroup is slower.
func spawnOne(n int) []figure {
	done := make(chan struct{})
	t := time.Now()
	for i := 0; i < n; i++ {
		go func() { done <- struct{}{} }()
		<-done
	}
	return ns(t, n)
}

// spawnBatches: spawn a thousand, wait for them all, again.
func spawnBatches(n int) []figure {
	var wg sync.WaitGroup
	t := time.Now()
	for i := 0; i < n/batch; i++ {
		wg.Add(batch)
		for j := 0; j < batch; j++ {
			go wg.Done()
		}
		wg.Wait()
	}
	return ns(t, n/batch*batch)
}

// spawnAlive: spawn all, then wait for them all.
func spawnAlive(n int) []figure {
	var wg sync.WaitGroup
	wg.Add(n)
	t := time.Now()
	for i := 0; i < n; i++ {
		go wg.Done()
	}
	wg.Wait()
	return ns(t, n)
}

// yields: a thousand goroutines that give way in turn.
func yields(n int) []figure {
	var wg sync.WaitGroup
	wg.Add(batch)
	t := time.Now()
	for i := 0; i < batch; i++ {
		go func() {
			for j := 0; j < n/batch; j++ {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	return ns(t, n/batch*batch)
}

// skynet: a tree in which each goroutine has ten children and sums what they send; n leaves.
func skynet(n int) []figure {
	result := make(chan int)
	t := time.Now()
	go node(result, 0, n)
	sum := <-result
	figures := ms(t)
	if sum != n*(n-1)/2 {
		panic("a wrong sum")
	}
	return figures
}

func node(parent chan int, first, leaves int) {
	if leaves == 1 {
		parent <- first
		return
	}
	children := make(chan int)
	for i := 0; i < 10; i++ {
		go node(children, first+i*(leaves/10), leaves/10)
	}
	var sum int
	for i := 0; i < 10; i++ {
		sum += <-children
	}
	parent <- sum
}

// Messages from goroutine to goroutine.
package main

import (
	"sync"
	"time"
)

// roundTrip: one value there and one back, through two unbuffered channels.
func roundTrip(n int) []figure {
	there, back := make(chan int), make(chan int)
	go func() {
		for v := range there {
			back <- v
		}
	}()
	t := time.Now()
	for i := 0; i < n; i++ {
		there <- i
		<-back
	}
	result := ns(t, n)
	close(there)
	return result
}

// buffered: as many producers as consumers, one channel that holds 128.
func buffered(pairs, n int) []figure {
	ch := make(chan int, 128)
	var producers, consumers sync.WaitGroup
	producers.Add(pairs)
	consumers.Add(pairs)
	t := time.Now()
	for i := 0; i < pairs; i++ {
		go func() {
			for j := 0; j < n/pairs; j++ {
				ch <- j
			}
			producers.Done()
		}()
	}
	for i := 0; i < pairs; i++ {
		go func() {
			for range ch {
			}
			consumers.Done()
		}()
	}
	producers.Wait()
	close(ch)
	consumers.Wait()
	return ns(t, n/pairs*pairs)
}

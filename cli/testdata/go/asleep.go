package main

import "sync"

func main() {
	var mu sync.Mutex
	results := make(chan int)
	mu.Lock()
	for i := 0; i < 2; i++ {
		go func() { mu.Lock(); results <- i }()
	}
	<-results
}

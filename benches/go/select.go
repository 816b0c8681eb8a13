// Waiting for one of two or of eight channels.
package main

import "time"

func chans(k, capacity int) []chan int {
	c := make([]chan int, k)
	for i := range c {
		c[i] = make(chan int, capacity)
	}
	return c
}

func oneOf2(c []chan int) {
	select {
	case <-c[0]:
	case <-c[1]:
	}
}

func oneOf8(c []chan int) {
	select {
	case <-c[0]:
	case <-c[1]:
	case <-c[2]:
	case <-c[3]:
	case <-c[4]:
	case <-c[5]:
	case <-c[6]:
	case <-c[7]:
	}
}

// selectReady: one goroutine; one of the channels always holds a value.
func selectReady(k, n int) []figure {
	c := chans(k, 1)
	t := time.Now()
	if k == 2 {
		for i := 0; i < n; i++ {
			c[i&1] <- i
			oneOf2(c)
		}
	} else {
		for i := 0; i < n; i++ {
			c[i&7] <- i
			oneOf8(c)
		}
	}
	return ns(t, n)
}

// selectBlocking: another goroutine sends over unbuffered channels in turn.
func selectBlocking(k, n int) []figure {
	c := chans(k, 0)
	go func() {
		for i := 0; i < n; i++ {
			c[i%k] <- i
		}
	}()
	t := time.Now()
	if k == 2 {
		for i := 0; i < n; i++ {
			oneOf2(c)
		}
	} else {
		for i := 0; i < n; i++ {
			oneOf8(c)
		}
	}
	return ns(t, n)
}

// selectRoundTrip: another goroutine answers each question on one of the channels: every select
// has to wait.
func selectRoundTrip(k, n int) []figure {
	there, back := make(chan int), chans(k, 0)
	go func() {
		for i := range there {
			back[i%k] <- i
		}
	}()
	t := time.Now()
	if k == 2 {
		for i := 0; i < n; i++ {
			there <- i
			oneOf2(back)
		}
	} else {
		for i := 0; i < n; i++ {
			there <- i
			oneOf8(back)
		}
	}
	result := ns(t, n)
	close(there)
	return result
}

// A program with goroutines in many states, for a dump of its own making.
package main

import (
	"net"
	"os"
	"runtime/pprof"
	"sync"
	"time"
)

type pool struct {
	mu   sync.Mutex
	rw   sync.RWMutex
	cond *sync.Cond
	jobs chan int
	done chan struct{}
}

func (p *pool) worker(id int) { p.jobs <- id }
func (p *pool) reader()       { <-p.done }
func (p *pool) locker()       { p.mu.Lock() }
func (p *pool) rlocker()      { p.rw.RLock() }
func (p *pool) wlocker()      { p.rw.Lock() }
func (p *pool) signalled()    { p.cond.L.Lock(); p.cond.Wait() }
func (p *pool) chooser(other chan int) {
	select {
	case <-p.done:
	case other <- 1:
	}
}

func leak() { c := make(chan int); go func() { c <- 1 }() }

func main() {
	p := &pool{jobs: make(chan int), done: make(chan struct{})}
	p.cond = sync.NewCond(&sync.Mutex{})
	p.mu.Lock()
	p.rw.Lock()
	for i := 0; i < 3; i++ {
		go p.worker(i)
		go p.locker()
	}
	go p.reader()
	go p.rlocker()
	go p.wlocker()
	go p.signalled()
	go p.chooser(make(chan int))
	go func() { var never chan int; <-never }()
	go func() { select {} }()
	go func() { time.Sleep(time.Hour) }()
	var wg sync.WaitGroup
	wg.Add(1)
	go func() { wg.Wait() }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go l.Accept()
	leak()
	time.Sleep(100 * time.Millisecond)
	name, level := os.Args[1], 2
	if os.Args[2] == "1" {
		level = 1
	}
	pprof.Lookup(name).WriteTo(os.Stdout, level)
}

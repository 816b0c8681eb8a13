// Loopback TCP: 64 bytes there and back, a goroutine for each end of each connection.
package main

import (
	"io"
	"net"
	"sync"
	"time"
)

const message = 64

func echo(connections, n int) []figure {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	var wg sync.WaitGroup
	wg.Add(connections)
	t := time.Now()
	for i := 0; i < connections; i++ {
		go func() {
			ask(l.Addr().String(), n/connections)
			wg.Done()
		}()
	}
	wg.Wait()
	return ns(t, n/connections*connections)
}

func serve(c net.Conn) {
	buf := make([]byte, message)
	for {
		if _, err := io.ReadFull(c, buf); err != nil {
			c.Close()
			return
		}
		if _, err := c.Write(buf); err != nil {
			panic(err)
		}
	}
}

func ask(address string, times int) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	defer c.Close()
	buf := make([]byte, message)
	for i := 0; i < times; i++ {
		if _, err := c.Write(buf); err != nil {
			panic(err)
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			panic(err)
		}
	}
}

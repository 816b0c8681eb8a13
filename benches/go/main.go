// The works of the table in Go: the model that all other sides mirror.
//
//	PROGRAM WORK WORKERS N   does one work once and prints one line of figures
//	PROGRAM list             prints the names of all works
//
// Figures as in peers/protocol.rs: ns an operation, ms in all, bytes a goroutine, held in per cent.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

type figure struct {
	key   string
	value float64
}

type work struct {
	name string
	run  func(n int) []figure
}

var works = []work{
	{"round-trip", roundTrip},
	{"yield-1000", yields},
	{"buffered-1p1c", func(n int) []figure { return buffered(1, n) }},
	{"buffered-4p4c", func(n int) []figure { return buffered(4, n) }},
	{"spawn-one", spawnOne},
	{"spawn-batch", spawnBatches},
	{"spawn-million", spawnAlive},
	{"select2-ready", func(n int) []figure { return selectReady(2, n) }},
	{"select8-ready", func(n int) []figure { return selectReady(8, n) }},
	{"select2-blocking", func(n int) []figure { return selectBlocking(2, n) }},
	{"select8-blocking", func(n int) []figure { return selectBlocking(8, n) }},
	{"select2-round-trip", func(n int) []figure { return selectRoundTrip(2, n) }},
	{"select8-round-trip", func(n int) []figure { return selectRoundTrip(8, n) }},
	{"mutex-free", mutexFree},
	{"mutex-8", func(n int) []figure { return mutexContended(8, n) }},
	{"mutex-100", func(n int) []figure { return mutexContended(100, n) }},
	{"skynet", skynet},
	{"parked", parked},
	{"sleepers", sleepers},
	{"fan-out", fanOut},
	{"held", held},
	{"stacks", stacks},
	{"echo-1", func(n int) []figure { return echo(1, n) }},
	{"echo-64", func(n int) []figure { return echo(64, n) }},
}

func ns(start time.Time, n int) []figure {
	return []figure{{"ns", float64(time.Since(start).Nanoseconds()) / float64(n)}}
}

func ms(start time.Time) []figure {
	return []figure{{"ms", float64(time.Since(start).Nanoseconds()) / 1e6}}
}

// status reads a number of KiB about this process.
func status(field string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			v, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				panic(err)
			}
			return float64(v)
		}
	}
	panic("no " + field)
}

// memory is resident pages and the page tables that map them.
func memory() float64 {
	return status("VmRSS") + status("VmPTE")
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: list | WORK WORKERS N, with one of the works that list prints")
	os.Exit(1)
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "list" {
		for _, w := range works {
			fmt.Println(w.name)
		}
		return
	}
	if len(os.Args) != 4 {
		usage()
	}
	procs, err1 := strconv.Atoi(os.Args[2])
	n, err2 := strconv.Atoi(os.Args[3])
	if err1 != nil || err2 != nil {
		usage()
	}
	for _, w := range works {
		if w.name == os.Args[1] {
			runtime.GOMAXPROCS(procs)
			line := fmt.Sprintf("bench=%s procs=%d n=%d", w.name, procs, n)
			for _, f := range w.run(n) {
				line += fmt.Sprintf(" %s=%.4f", f.key, f.value)
			}
			fmt.Println(line)
			return
		}
	}
	usage()
}

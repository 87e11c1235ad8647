// moving-slice serves many workers from a slice whose last element it always puts in front, as a list of what was used
// last does. While memory moves, a worker's channel may be in a vector register and nowhere else. Each worker is woken
// again and again: none waits for ever.
package main

import (
	"flag"
	"sync/atomic"
	"time"

	"example.com/seep-tests/internal/truth"
)

var served uint64

func main() {
	count := flag.Int("workers", 2048, "goroutines that wait for work")
	truth.Start(func() truth.Fields { return truth.Fields{"served": atomic.LoadUint64(&served)} })
	ready := make(chan bool)
	go move(start(*count), ready)
	<-ready
	truth.Ready()
	select {}
}

//go:noinline
func start(count int) []chan int {
	workers := make([]chan int, count)
	for i := range workers {
		work := make(chan int)
		workers[i] = work
		go func() {
			for range work {
				atomic.AddUint64(&served, 1)
			}
		}()
	}
	return workers
}

// move is all that leads to the channels.
func move(workers []chan int, ready chan bool) {
	next := time.Now()
	close(ready)
	for {
		for i := 0; i < 1000; i++ {
			last := workers[len(workers)-1]
			copy(workers[1:], workers[:len(workers)-1])
			workers[0] = last
		}
		if time.Now().After(next) {
			next = time.Now().Add(time.Second)
			for _, work := range workers {
				work <- 1
			}
		}
	}
}

package main

import (
	"sync/atomic"
	"time"

	"example.com/seep-tests/internal/truth"
)

// Hub has a channel among other things.
type Hub struct {
	name   string
	events chan int
}

// Bus has hubs.
type Bus struct {
	count int
	hubs  []*Hub
}

var (
	plain  = make(chan int)
	hub    = Hub{name: "hub", events: make(chan int)}
	topics = map[string]chan int{}
	fan    = []chan int{make(chan int), make(chan int), make(chan int)}
	wide   = []chan int{nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, make(chan int)}
	bus    = &Bus{hubs: []*Hub{{name: "first"}, {name: "second", events: make(chan int)}}}
)

func init() {
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
		topics[name] = make(chan int)
	}
}

func sendPlain(value int) {
	waiting.There()
	plain <- value // seep: plain here
	waiting.Gone()
}

func sendStruct(value int) {
	waiting.There()
	hub.events <- value // seep: struct here
	waiting.Gone()
}

func sendMap(value int) {
	waiting.There()
	topics["e"] <- value // seep: map here
	waiting.Gone()
}

func sendPointer(value int) {
	waiting.There()
	bus.hubs[1].events <- value // seep: pointer here
	waiting.Gone()
}

func sendWide(value int) {
	waiting.There()
	wide[len(wide)-1] <- value // seep: wide here
	waiting.Gone()
}

// sendFan sends to all; the last one's receiver may be gone.
func sendFan(value int) {
	for i := range fan {
		i := i
		go func() {
			if i == len(fan)-1 {
				waiting.There()
			}
			fan[i] <- value // seep: fan here
			if i == len(fan)-1 {
				waiting.Gone()
			}
		}()
	}
}

func servePlain(period time.Duration, fails int) {
	for seen := 1; seen != fails; seen++ {
		time.Sleep(period)
		use(<-plain)
	}
	truth.Event("receiver gone", truth.Fields{})
}

func serveStruct(period time.Duration, fails int) {
	for seen := 1; seen != fails; seen++ {
		time.Sleep(period)
		use(<-hub.events)
	}
	truth.Event("receiver gone", truth.Fields{})
}

func serveMap(period time.Duration, fails int) {
	for seen := 1; seen != fails; seen++ {
		time.Sleep(period)
		use(<-topics["e"])
	}
	truth.Event("receiver gone", truth.Fields{})
}

func serveWide(period time.Duration, fails int) {
	for seen := 1; seen != fails; seen++ {
		time.Sleep(period)
		use(<-wide[len(wide)-1])
	}
	truth.Event("receiver gone", truth.Fields{})
}

func servePointer(period time.Duration, fails int) {
	for seen := 1; seen != fails; seen++ {
		time.Sleep(period)
		use(<-bus.hubs[1].events)
	}
	truth.Event("receiver gone", truth.Fields{})
}

func serveFan(period time.Duration, fails int) {
	for i := range fan[1:] {
		go serveOne(i, period, 0)
	}
	serveOne(len(fan)-1, period, fails)
}

func serveOne(i int, period time.Duration, fails int) {
	for seen := 1; seen != fails; seen++ {
		if period > time.Second {
			time.Sleep(period)
		}
		use(<-fan[i])
	}
	truth.Event("receiver gone", truth.Fields{})
}

var sum int64

func use(value int) { atomic.AddInt64(&sum, int64(value)) }

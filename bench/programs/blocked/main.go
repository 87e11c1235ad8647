// blocked holds -n goroutines that wait to send, each a few calls deep, as leaked goroutines of a service are.
// It prints one line when all of them wait.
package main

import (
	"flag"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

const perChannel = 100

var arrived int64

type event struct {
	id   int
	text string
}

type session struct {
	id     int
	events chan event
}

func main() {
	n := flag.Int("n", 100000, "goroutines")
	life := flag.Duration("life", 10*time.Minute, "the program ends by itself after this long")
	flag.Parse()
	time.AfterFunc(*life, func() { panic("nobody stopped this program") })

	var events chan event
	for i := 0; i < *n; i++ {
		if i%perChannel == 0 {
			events = make(chan event)
		}
		go serve(&session{id: i, events: events})
	}
	for atomic.LoadInt64(&arrived) < int64(*n) {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	fmt.Printf("{\"event\":\"ready\",\"goroutines\":%d}\n", runtime.NumGoroutine())
	select {}
}

//go:noinline
func serve(s *session) {
	for round := 0; ; round++ {
		handle(s, round)
	}
}

//go:noinline
func handle(s *session, round int) {
	e := event{id: s.id + round, text: "handled"}
	if err := s.report(e); err != nil {
		panic(err)
	}
}

//go:noinline
func (s *session) report(e event) error {
	if e.id < 0 {
		return fmt.Errorf("session %d: bad event", s.id)
	}
	return s.publish(e)
}

//go:noinline
func (s *session) publish(e event) error {
	return deliver(s.events, e)
}

//go:noinline
func deliver(to chan<- event, e event) error {
	atomic.AddInt64(&arrived, 1)
	to <- e
	return nil
}

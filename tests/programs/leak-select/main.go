// leak-select: each session has a goroutine that waits in a select for updates or to report an error; when the
// session is over, nobody is left at the other end of either. With -clean a third case ends it.
package main

import (
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

var waiting truth.Tally

// Session is one visit.
type Session struct {
	updates chan int
	errors  chan error
	done    chan struct{}
}

func main() {
	every := flag.Duration("every", 2*time.Millisecond, "time between two sessions")
	clean := flag.Bool("clean", false, "use the right idiom")
	truth.Start(waiting.Leaked)
	truth.Ready()
	for {
		serve(*clean, *every)
	}
}

func serve(clean bool, every time.Duration) {
	session := &Session{make(chan int), make(chan error), make(chan struct{})}
	waiting.Coming()
	if clean {
		go session.followClean()
	} else {
		go session.follow() // seep: go here
	}
	time.Sleep(every)
	close(session.done)
}

func (s *Session) follow() {
	sum := 0
	for {
		waiting.There()
		select { // seep: wait here
		case update := <-s.updates:
			sum += update
		case s.errors <- nil:
			waiting.Gone()
			return
		}
		waiting.Gone()
		waiting.Coming()
	}
}

func (s *Session) followClean() {
	sum := 0
	waiting.There()
	for {
		select {
		case update := <-s.updates:
			sum += update
		case s.errors <- nil:
			waiting.Gone()
			return
		case <-s.done:
			waiting.Gone()
			return
		}
	}
}

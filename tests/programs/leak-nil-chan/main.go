// leak-nil-chan: each session waits for a channel that was never made. With -clean it is made, and closed at
// the end of the session.
package main

import (
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

var waiting truth.Tally

// Session is one visit.
type Session struct{ done chan struct{} }

func main() {
	every := flag.Duration("every", 2*time.Millisecond, "time between two sessions")
	clean := flag.Bool("clean", false, "use the right idiom")
	truth.Start(waiting.Leaked)
	truth.Ready()
	for {
		session := &Session{}
		if *clean {
			session.done = make(chan struct{})
		}
		waiting.Coming()
		go session.cleanUp() // seep: go here
		time.Sleep(*every)
		if *clean {
			close(session.done)
		}
	}
}

func (s *Session) cleanUp() {
	waiting.There()
	<-s.done // seep: wait here
	waiting.Gone()
}

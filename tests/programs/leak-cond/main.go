// leak-cond: jobs wait on a condition that is set, but nobody is told. With -clean the setter broadcasts.
package main

import (
	"flag"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

var waiting truth.Tally

// Gate lets jobs pass when it is open.
type Gate struct {
	mu   sync.Mutex
	cond *sync.Cond
	open bool
}

func main() {
	every := flag.Duration("every", 2*time.Millisecond, "time between two jobs")
	clean := flag.Bool("clean", false, "use the right idiom")
	truth.Start(waiting.Leaked)
	truth.Ready()
	gate := &Gate{}
	gate.cond = sync.NewCond(&gate.mu)
	if *clean {
		gate.runClean(*every)
	}
	gate.run(*every)
}

func (g *Gate) run(every time.Duration) {
	for turn := 0; ; turn++ {
		g.set(turn%10 == 9)
		waiting.Coming()
		go g.pass() // seep: go here
		time.Sleep(every)
	}
}

func (g *Gate) runClean(every time.Duration) {
	for turn := 0; ; turn++ {
		g.set(turn%10 == 9)
		g.cond.Broadcast()
		waiting.Coming()
		go g.pass()
		time.Sleep(every)
	}
}

func (g *Gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = open
}

func (g *Gate) pass() {
	g.mu.Lock()
	waiting.There()
	for !g.open {
		g.cond.Wait() // seep: wait here
	}
	waiting.Gone()
	g.mu.Unlock()
}

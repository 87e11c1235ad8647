// proof-leaks leaves goroutines behind that nothing in the program can wake any more: so many of each kind, and it
// says which. Beside them are as many of each kind that wait for somebody who is still there.
//
// With -verdict it asks Go's own profile of leaked goroutines before it says that it is ready.
package main

import (
	"flag"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
	"example.com/seep-tests/internal/waits"
)

var (
	count   = flag.Int("n", 5, "goroutines of each kind")
	verdict = flag.Bool("verdict", false, "ask Go's own profile")
	collect = flag.Bool("gc", true, "collect garbage; without, everything that was ever made is still there")
)

// kept are the ends that wake those which are not leaked.
var kept []func()

func main() {
	truth.Start(func() truth.Fields { return truth.Fields{} })
	if !*collect {
		debug.SetGCPercent(-1)
	}
	started := 0
	for i := 0; i < *count; i++ {
		for _, kind := range waits.Kinds {
			leak(kind)
			keep(kind)
			started += 2
		}
		for name, start := range cases {
			started += start("leaked " + name)
		}
		for name, start := range awake {
			started += start("kept " + name)
		}
	}
	waits.AtRest(started)
	forgetTimers()
	if *collect {
		runtime.GC()
	}
	fields := truth.Fields{"waiting": waits.Waiters.IDs()}
	if *verdict {
		fields["verdict"], _ = waits.Verdict()
	}
	truth.Event("ready", fields)
	<-never
}

// forgetTimers makes every P schedule for a while: up to Go 1.22 a stopped timer stays with its P until that looks at its timers.
func forgetTimers() {
	var busy sync.WaitGroup
	for i := 0; i < 2*runtime.GOMAXPROCS(0); i++ {
		busy.Add(1)
		go func() {
			defer busy.Done()
			for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
				runtime.Gosched()
			}
		}()
	}
	busy.Wait()
}

//go:noinline
func leak(kind waits.Kind) {
	wait, _ := kind.New()
	waits.Go("leaked "+kind.Name, wait)
}

//go:noinline
func keep(kind waits.Kind) {
	wait, wake := kind.New()
	waits.Go("kept "+kind.Name, wait)
	kept = append(kept, wake)
}

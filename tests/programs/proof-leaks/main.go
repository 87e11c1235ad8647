// proof-leaks leaves goroutines behind that nothing in the program can wake any more: so many of each kind, and it
// says which. Beside them are as many of each kind that wait for somebody who is still there.
//
// With -verdict it asks Go's own profile of leaked goroutines before it says that it is ready.
package main

import (
	"flag"
	"runtime"
	"runtime/debug"

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

// proof-roots has goroutines that wait, and who can wake them is kept in one strange place each: see
// internal/hold. On SIGUSR2 all of them are woken, each from its place, and the program says which. A proof that calls
// one of them leaked does not know of that place.
//
// With -verdict it asks Go's own profile of leaked goroutines before it says that it is ready; with -lose nobody keeps
// what is otherwise held, to show that nothing else leads there.
package main

import (
	"flag"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"example.com/seep-tests/internal/hold"
	"example.com/seep-tests/internal/truth"
	"example.com/seep-tests/internal/waits"
)

var (
	verdict = flag.Bool("verdict", false, "ask Go's own profile")
	lose    = flag.Bool("lose", false, "do not hold anything")
	only    = flag.String("only", "", "this place and no other")
	heavy   = flag.Bool("heavy", true, "also what costs a core or much memory")
	weak    = flag.Bool("weak", true, "also weak pointers")
)

func main() {
	truth.Start(func() truth.Fields { return truth.Fields{} })
	open := make(chan os.Signal, 1)
	signal.Notify(open, syscall.SIGUSR2)
	gate := hold.NewGate()
	started := 0
	for _, first := range []bool{true, false} {
		for _, holder := range hold.Holders {
			if holder.First == first {
				started += begin(holder, gate)
			}
		}
		debug.SetGCPercent(-1)
	}
	for _, own := range owns() {
		if wanted(own.Name) && !*lose {
			started += own.Start(own.Name, gate)
		}
	}
	waits.AtRest(started)
	fields := truth.Fields{"waiting": waits.Waiters.IDs()}
	if *verdict {
		fields["verdict"], _ = waits.Verdict()
	}
	truth.Event("ready", fields)
	<-open
	gate.Open()
	select {}
}

func wanted(name string) bool { return *only == "" || *only == name }

func owns() []hold.Own {
	if hold.Weak.Start == nil || !*weak {
		return hold.Owns
	}
	return append([]hold.Own{hold.Weak}, hold.Owns...)
}

// begin starts a goroutine of each kind that is held in this way. One kind is enough where it costs much, or where
// each needs a garbage collection to itself.
func begin(holder hold.Holder, gate *hold.Gate) int {
	if !wanted(holder.Name) || (holder.Heavy && !*heavy) {
		return 0
	}
	kinds := append(append([]waits.Kind{}, waits.Kinds...), waits.Packed...)
	if holder.Heavy || holder.First {
		kinds = kinds[:1]
	}
	for _, kind := range kinds {
		pair(holder, kind, gate)
	}
	return len(kinds)
}

//go:noinline
func pair(holder hold.Holder, kind waits.Kind, gate *hold.Gate) {
	wait, wake := kind.New()
	waits.Go(holder.Name+" "+kind.Name, wait)
	if !*lose {
		holder.Hold(gate, wake)
	}
}

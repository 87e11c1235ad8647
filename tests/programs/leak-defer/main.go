// leak-defer shows the ways to write a deferred call in a loop that never ends: of a closure, of a method
// value, of a function in an interface, and in a loop that could end but does not. With -clean the body of
// the loop is a function.
package main

import (
	"context"
	"flag"
	"io"
	"os"
	"time"

	"example.com/seep-tests/internal/truth"
)

var pending truth.Tally

// Handle stands for what must be closed.
type Handle struct{ number int }

func open(number int) *Handle {
	pending.Coming()
	return &Handle{number}
}

// Close gives the handle back.
//
//go:noinline
func (h *Handle) Close() error {
	pending.Gone()
	return nil
}

func main() {
	every := flag.Duration("every", 2*time.Millisecond, "time between two turns")
	kind := flag.String("kind", "closure", "closure, method-value, interface, until-done")
	clean := flag.Bool("clean", false, "use the right idiom")
	truth.Start(pending.Leaked)
	truth.Ready()
	if *clean {
		loopClean(*every)
	}
	switch *kind {
	case "closure":
		loopClosure(*every)
	case "method-value":
		loopMethodValue(*every)
	case "interface":
		loopInterface(*every)
	case "until-done":
		loopUntilDone(context.Background(), *every)
	default:
		os.Exit(2)
	}
}

func loopClosure(every time.Duration) {
	for turn := 0; ; turn++ {
		handle := open(turn)
		defer func() { // seep: defer closure
			handle.Close()
		}()
		pending.There()
		time.Sleep(every)
	}
}

func loopMethodValue(every time.Duration) {
	for turn := 0; ; turn++ {
		giveBack := open(turn).Close
		defer giveBack() // seep: defer method-value
		pending.There()
		time.Sleep(every)
	}
}

func loopInterface(every time.Duration) {
	for turn := 0; ; turn++ {
		var closer io.Closer = open(turn)
		defer closer.Close() // seep: defer interface
		pending.There()
		time.Sleep(every)
	}
}

// loopUntilDone has a way out, which is not taken as long as the service is up.
func loopUntilDone(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	for turn := 0; ; turn++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		handle := open(turn)
		defer handle.Close() // seep: defer until-done
		pending.There()
	}
}

func loopClean(every time.Duration) {
	for turn := 0; ; turn++ {
		func() {
			handle := open(turn)
			defer handle.Close()
			pending.There()
		}()
		time.Sleep(every)
	}
}

// defer-rangefunc defers in the body of a range over a function. Such calls belong to the function around the
// loop, and wait on a list of their own. With -clean the body of the loop is a function.
//
// It is a module of its own because ranging over functions came with Go 1.23.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

var coming, there, gone atomic.Int64

func main() {
	life := flag.Duration("life", 20*time.Minute, "the program ends by itself after this long")
	every := flag.Duration("every", 2*time.Millisecond, "time between two turns")
	clean := flag.Bool("clean", false, "use the right idiom")
	flag.Parse()
	time.AfterFunc(*life, func() { os.Exit(0) })
	asked := make(chan os.Signal, 16)
	signal.Notify(asked, syscall.SIGUSR1)
	go answer(asked)
	event(map[string]any{"event": "ready"})
	if *clean {
		drainClean(*every)
	}
	drain(*every)
}

func event(fields map[string]any) {
	fields["pid"] = os.Getpid()
	line, _ := json.Marshal(fields)
	fmt.Printf("%s\n", line)
}

func answer(asked chan os.Signal) {
	for range asked {
		least := there.Load() - gone.Load()
		finished := gone.Load()
		most := coming.Load() - finished
		event(map[string]any{"event": "truth", "leaked_min": least, "leaked_max": most})
	}
}

// messages yields for ever.
func messages(every time.Duration) iter.Seq[int] {
	return func(yield func(int) bool) {
		for number := 0; yield(number); number++ {
			time.Sleep(every)
		}
	}
}

//go:noinline
func acknowledge() { gone.Add(1) }

func drain(every time.Duration) {
	for range messages(every) { // seep: loop here
		coming.Add(1)
		defer acknowledge() // seep: defer here
		there.Add(1)
	}
}

func drainClean(every time.Duration) {
	for range messages(every) {
		func() {
			coming.Add(1)
			defer acknowledge()
			there.Add(1)
		}()
	}
}

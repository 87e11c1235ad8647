// quiet-dump starts goroutines in every state that there is. When all have come to rest it writes Go's own
// dump of their stacks to a file, and what it knows about channels and locks to another, and sleeps. Whoever
// lists its goroutines from outside must come to the same result.
package main

import (
	"encoding/json"
	"flag"
	"os"
	"runtime"
	"strings"
	"time"

	"example.com/seep-tests/internal/truth"
)

// started counts goroutines by the function that stands at the bottom of their stack.
var started = map[string]int{}

// collected is when a garbage collection began and when it was over: what waits since before it has a note of
// that time.
var collected struct{ begin, end time.Time }

func main() {
	dump := flag.String("dump", "", "file for the dump")
	facts := flag.String("facts", "", "file for what the program knows")
	busy := flag.Bool("busy", false, "also have a goroutine that never stops to compute")
	truth.Start(nil)
	startChannels()
	startLocks()
	startSystem()
	startStacks()
	startEndings()
	startExtras()
	if *busy {
		start("main.compute", 1, compute)
	}
	go report(*dump, *facts)
	<-forever
}

// forever is never closed.
var forever = make(chan struct{})

// start starts count goroutines that run the function.
func start(name string, count int, function func()) {
	started[name] += count
	for i := 0; i < count; i++ {
		go function()
	}
}

// report waits until nothing moves, and writes both files.
func report(dumpFile, factsFile string) {
	atRest()
	collected.begin = time.Now()
	runtime.GC()
	collected.end = time.Now()
	dump := atRest()
	facts, err := json.Marshal(truth.Fields{
		"started":          started,
		"channels":         channelFacts(),
		"locks":            lockFacts(),
		"labels":           labels,
		"gc_begin_unix_ns": collected.begin.UnixNano(),
		"gc_end_unix_ns":   collected.end.UnixNano(),
	})
	check(err)
	check(os.WriteFile(dumpFile, dump, 0o644))
	check(os.WriteFile(factsFile, facts, 0o644))
	truth.Ready()
	<-forever
}

// atRest returns a dump after which nothing moves any more: it is like the one before.
func atRest() []byte {
	last := ""
	for {
		dump := dumpAll()
		quiet, moving := others(dump)
		if quiet == last && !moving {
			return dump
		}
		last = quiet
		time.Sleep(50 * time.Millisecond)
	}
}

func dumpAll() []byte {
	buffer := make([]byte, 4<<20)
	return buffer[:runtime.Stack(buffer, true)]
}

// others returns the dump without the goroutine that wrote it, which comes first, and without the one that
// computes for ever; and whether one of the rest is not waiting.
func others(dump []byte) (quiet string, moving bool) {
	for _, block := range strings.Split(string(dump), "\n\n")[1:] {
		if strings.Contains(block, "main.compute(") {
			continue
		}
		header := strings.SplitN(block, "\n", 2)[0]
		moving = moving || strings.Contains(header, "[run") || strings.Contains(header, "[GC")
		quiet += block + "\n\n"
	}
	return quiet, moving
}

// compute never waits.
func compute() {
	sum := 0
	for {
		sum++
		if sum < 0 {
			sum = 0
		}
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// Package truth lets a test program say what it really did.
//
// Every event is one line of JSON on standard output. A program says "ready" when it has reached the state
// that it is there to show, and answers each SIGUSR1 with a "truth". It ends by itself after -life, so that
// nothing stays behind if the test that started it is gone.
package truth

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Fields are what an event says beside its name.
type Fields map[string]interface{}

var (
	life    = flag.Duration("life", 20*time.Minute, "the program ends by itself after this long")
	writing sync.Mutex
)

// Start reads the flags, sees to it that the program ends, and answers SIGUSR1 with what count returns.
func Start(count func() Fields) {
	flag.Parse()
	time.AfterFunc(*life, func() { os.Exit(0) })
	asked := make(chan os.Signal, 16)
	signal.Notify(asked, syscall.SIGUSR1)
	go answer(asked, count)
}

// Ready says that the program is now what it wants to be.
func Ready() { Event("ready", Fields{}) }

// Event prints one line.
func Event(name string, fields Fields) {
	fields["event"] = name
	fields["pid"] = os.Getpid()
	fields["go"] = runtime.Version()
	line, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	writing.Lock()
	defer writing.Unlock()
	fmt.Fprintf(os.Stdout, "%s\n", line)
}

func answer(asked chan os.Signal, count func() Fields) {
	for range asked {
		fields := Fields{}
		if count != nil {
			fields = count()
		}
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		fields["goroutines"] = runtime.NumGoroutine()
		fields["heap_in_use_bytes"] = memory.HeapInuse
		fields["heap_idle_bytes"] = memory.HeapIdle - memory.HeapReleased
		fields["stacks_bytes"] = memory.StackInuse
		Event("truth", fields)
	}
}

// Tally counts things that come, and that may go again. At every moment there are at least Min and at most
// Max of them: between Coming and There it is not known whether the thing is there yet.
type Tally struct{ coming, there, gone int64 }

// Coming is called before the thing is started.
func (t *Tally) Coming() { atomic.AddInt64(&t.coming, 1) }

// There is called when nothing but the last step is left: by the goroutine just before it waits, or right
// after the defer statement.
func (t *Tally) There() { atomic.AddInt64(&t.there, 1) }

// Gone is called when the thing is over.
func (t *Tally) Gone() { atomic.AddInt64(&t.gone, 1) }

// Min is the least that there can be. What comes meanwhile is not counted, what goes meanwhile is.
func (t *Tally) Min() int64 {
	there := atomic.LoadInt64(&t.there)
	return there - atomic.LoadInt64(&t.gone)
}

// Max is the most that there can be.
func (t *Tally) Max() int64 {
	gone := atomic.LoadInt64(&t.gone)
	return atomic.LoadInt64(&t.coming) - gone
}

// Leaked is the usual answer of a program that leaks one kind of thing.
func (t *Tally) Leaked() Fields {
	return Fields{"leaked_min": t.Min(), "leaked_max": t.Max()}
}

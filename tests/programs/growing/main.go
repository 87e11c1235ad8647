// growing adds one thing every -every: to a map, a slice or a list that a variable holds, or numbers to a map and bytes to a buffer, and lets none go; or, clean, to a cache that evicts, a cache that was
// full long ago, a map that is cleared now and then, a queue that is taken from, a buffer that is flushed, a pool of spare ones. Also to what only goroutines hold: a map of
// one that waits at another line every three seconds, a map that two share, and, clean, a cache that two share and a list whose ends two hold.
// On SIGUSR2 it stops adding and says so; on the next one it drops the map or the slice, collects, and says how many bytes of the heap that freed.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.com/seep-tests/internal/truth"
)

type session struct {
	id   int
	name string
	buf  []byte
}

type handler struct {
	next *handler
	run  func()
}

type server struct {
	lock     sync.Mutex
	sessions map[int]*session
}

type node struct {
	previous, next *node
	id             int
}

const bound = 500

var (
	sessions = map[string]*session{}
	events   []*session
	first    *handler
	cache    = map[int]*session{}
	full     = map[int]*session{}
	cleared  = map[int]*session{}
	queue    []*session
	spare    sync.Pool
	seen     = map[int]int{}
	logged   []byte
	flushed  []byte
	count    int
)

func newSession(i int) *session {
	return &session{id: i, name: fmt.Sprint("session ", i), buf: make([]byte, 200)}
}

func line(i int) string { return strings.Repeat(fmt.Sprint("line ", i, "\n"), 400) }

var kinds = map[string]func(i int){
	"map":   func(i int) { sessions[fmt.Sprint(i)] = newSession(i); count = len(sessions) },
	"slice": func(i int) { events = append(events, newSession(i)); count = len(events) },
	"list":  func(i int) { s := newSession(i); first = &handler{first, func() { s.id++ }}; count++ },
	"cache": func(i int) {
		cache[i] = newSession(i)
		delete(cache, i-bound)
		count = len(cache)
	},
	"full": func(i int) {
		if len(full) < bound {
			full[i] = newSession(i)
		}
		count = len(full)
	},
	"cleared": func(i int) {
		if i%bound == 0 {
			cleared = map[int]*session{}
		}
		cleared[i] = newSession(i)
		count = len(cleared)
	},
	"queue": func(i int) {
		queue = append(queue, newSession(i))
		if len(queue) > 100 {
			queue = queue[1:]
		}
		count = len(queue)
	},
	"numbers": func(i int) {
		for k := 0; k < 50; k++ {
			seen[i*50+k] = i
		}
		count = len(seen)
	},
	"bytes": func(i int) {
		logged = append(logged, line(i)...)
		count = len(logged)
	},
	"flushed": func(i int) {
		flushed = append(flushed, line(i)...)
		if len(flushed) > 4<<20 {
			flushed = flushed[:0]
		}
		count = len(flushed)
	},
	"pool": func(i int) { spare.Put(newSession(i)); count++ },
}

// drops lets go of what has grown.
var drops = map[string]func(){
	"map":   func() { sessions = nil },
	"slice": func() { events = nil },
}

// What only goroutines hold. Each adds by itself.
var held = map[string]func(every time.Duration){
	"steps":       func(every time.Duration) { go step(every) },
	"shared":      func(every time.Duration) { share(every, 0) },
	"sharedcache": func(every time.Duration) { share(every, bound) },
	"ends": func(every time.Duration) {
		only := &node{}
		go holdFirst(only)
		go addLast(only, every)
	},
}

//go:noinline
func step(every time.Duration) {
	mine := map[int]*session{}
	start := time.Now()
	for i := 0; ; i++ {
		mine[i] = newSession(i)
		count = len(mine)
		waitAt(int(time.Since(start)/(3*time.Second))%12, every)
	}
}

// waitAt waits at one of twelve lines.
//
//go:noinline
func waitAt(line int, every time.Duration) {
	switch line {
	case 0:
		time.Sleep(every)
	case 1:
		time.Sleep(every)
	case 2:
		time.Sleep(every)
	case 3:
		time.Sleep(every)
	case 4:
		time.Sleep(every)
	case 5:
		time.Sleep(every)
	case 6:
		time.Sleep(every)
	case 7:
		time.Sleep(every)
	case 8:
		time.Sleep(every)
	case 9:
		time.Sleep(every)
	case 10:
		time.Sleep(every)
	default:
		time.Sleep(every)
	}
}

func share(every time.Duration, most int) {
	both := &server{sessions: map[int]*session{}}
	go serve(both, every, most)
	go look(both)
}

//go:noinline
func serve(s *server, every time.Duration, most int) {
	for i := 0; ; i++ {
		s.lock.Lock()
		s.sessions[i] = newSession(i)
		if most > 0 {
			delete(s.sessions, i-most)
		}
		s.lock.Unlock()
		time.Sleep(every)
	}
}

//go:noinline
func look(s *server) {
	for {
		time.Sleep(50 * time.Millisecond)
		s.lock.Lock()
		count = len(s.sessions)
		s.lock.Unlock()
	}
}

//go:noinline
func holdFirst(first *node) {
	for {
		time.Sleep(50 * time.Millisecond)
		first.id++
	}
}

//go:noinline
func addLast(last *node, every time.Duration) {
	for {
		last.next = &node{previous: last}
		last = last.next
		count++
		time.Sleep(every)
	}
}

func live() uint64 {
	var memory runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&memory)
	return memory.HeapAlloc
}

// untilAsked waits until it is time for the next one; asked to stop it drops what there is, when it is asked again.
func untilAsked(next time.Time, kind string, asked chan os.Signal) {
	select {
	case <-time.After(time.Until(next)):
		return
	case <-asked:
	}
	truth.Event("stopped", truth.Fields{})
	<-asked
	before := live()
	drops[kind]()
	truth.Event("freed", truth.Fields{"bytes": before - live()})
	time.Sleep(time.Hour)
}

func main() {
	kind := flag.String("kind", "map", "map, slice, list, numbers, bytes, steps, shared; cache, full, cleared, queue, flushed, pool, sharedcache, ends")
	every := flag.Duration("every", 10*time.Millisecond, "time between two")
	truth.Start(func() truth.Fields { return truth.Fields{"count": count} })
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR2)
	if hold := held[*kind]; hold != nil {
		hold(*every)
		truth.Ready()
		untilAsked(time.Now().Add(time.Hour), *kind, asked)
	}
	add := kinds[*kind]
	start := time.Now()
	for i := 0; ; i++ {
		add(i)
		if i == 0 {
			truth.Ready()
		}
		if i%1000 == 0 && *kind != "pool" { // a collection would empty it
			runtime.GC()
		}
		untilAsked(start.Add(time.Duration(i+1)**every), *kind, asked)
	}
}

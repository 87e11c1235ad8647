// growing adds one thing every -every: to a map, a slice or a list that a variable holds, or numbers to a map and bytes to a buffer, and lets none go; or, clean, to a cache that evicts, a cache that was
// full long ago, a map that is cleared now and then, a queue that is taken from, a buffer that is flushed, a pool of spare ones. It prints how many there are at the start and each second.
package main

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
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

func main() {
	kind := flag.String("kind", "map", "map, slice, list, numbers, bytes; cache, full, cleared, queue, flushed, pool")
	every := flag.Duration("every", 10*time.Millisecond, "time between two")
	truth.Start(func() truth.Fields { return truth.Fields{"count": count} })
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
		time.Sleep(time.Until(start.Add(time.Duration(i+1) * *every)))
	}
}

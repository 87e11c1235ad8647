// holders fills a map, a slice, a list, a closure and a goroutine with buffers of their own, and one that the map and the slice share. On SIGUSR2 it drops them one
// after the other, collects, and says how many bytes of the heap and of stacks each freed.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"example.com/seep-tests/internal/truth"
)

type session struct {
	name   string
	buf    []byte
	common *[1 << 20]byte
}

type link struct {
	next *link
	data [1000]byte
}

// crowd is one large thing and twelve small ones.
type crowd struct {
	large *[60000]byte
	a     *[1]*int
	b     *[2]*int
	c     *[3]*int
	d     *[4]*int
	e     *[5]*int
	f     *[6]*int
	g     *[7]*int
	h     *[8]*int
	i     *[9]*int
	j     *[10]*int
	k     *[11]*int
	l     *[12]*int
}

var (
	many    *crowd
	cache   = map[string]*session{}
	history []*session
	chain   *link
	handler func() int
	shared  = new([1 << 20]byte)
	stop    = make(chan bool)
	stopped = make(chan bool)
)

func live() uint64 {
	var memory runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&memory)
	return memory.HeapAlloc
}

//go:noinline
func keep(n int) {
	mine := make([][]byte, n)
	for i := range mine {
		mine[i] = make([]byte, 1000)
	}
	<-stop
	runtime.KeepAlive(mine)
	mine = nil
	stopped <- true
}

func fill(n int) {
	for i := 0; i < n; i++ {
		cache[fmt.Sprint("key ", i)] = &session{fmt.Sprint("session ", i), make([]byte, 3000), shared}
		history = append(history, &session{"", make([]byte, 500), shared})
		chain = &link{next: chain}
	}
	many = &crowd{new([60000]byte), new([1]*int), new([2]*int), new([3]*int), new([4]*int), new([5]*int), new([6]*int),
		new([7]*int), new([8]*int), new([9]*int), new([10]*int), new([11]*int), new([12]*int)}
	big := make([]byte, 5<<20)
	handler = func() int { big[0]++; return len(big) }
	go keep(n)
}

func main() {
	n := flag.Int("n", 2000, "of each")
	truth.Start(func() truth.Fields { return truth.Fields{} })
	drop := make(chan os.Signal, 1)
	signal.Notify(drop, syscall.SIGUSR2)
	fill(*n)
	live()
	time.Sleep(50 * time.Millisecond)
	truth.Ready()
	<-drop
	freed := truth.Fields{}
	for _, step := range []struct {
		name string
		drop func()
	}{
		{"main.cache", func() { cache = nil }},
		{"main.history", func() { history = nil }},
		{"main.chain", func() { chain = nil }},
		{"main.handler", func() { handler = nil }},
		{"main.keep", func() { stop <- true; <-stopped; time.Sleep(10 * time.Millisecond) }},
	} {
		before := live()
		step.drop()
		freed[step.name] = before - live()
	}
	truth.Event("freed", freed)
	runtime.KeepAlive(shared)
	time.Sleep(time.Hour)
}

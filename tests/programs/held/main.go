// held leaks goroutines or deferred calls that each hold a buffer of their own, and share one with a variable. On SIGUSR2 it lets go of them all, collects,
// and says how many bytes of the heap and of stacks that freed: what a report of "held" must come to. To be leaks they must be out of reach, so the way back
// is crooked: the channel's address is kept as a number, and the loop without a way out is left by a panic.
package main

import (
	"flag"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"example.com/seep-tests/internal/truth"
)

var (
	shared  = make([]byte, 1<<20)
	there   int64
	number  uintptr
	turns   = make(chan int)
	release = map[string]func(){"goroutines": closeNumber, "defers": func() { close(turns) }}
)

type parcel struct {
	own    []byte
	inner  *parcel
	common []byte
}

func newParcel(size int) *parcel {
	return &parcel{own: make([]byte, size), inner: &parcel{own: make([]byte, 100)}, common: shared}
}

// The collector keeps the channel for those who wait on it.
func closeNumber() {
	at := ^number
	never := *(*chan struct{})(unsafe.Pointer(&at))
	close(never)
}

func wait(never chan struct{}, p *parcel) {
	atomic.AddInt64(&there, 1)
	<-never // seep: wait here
	runtime.KeepAlive(p)
}

func (p *parcel) done() { p.own[0]++ }

//go:noinline
func leave() { panic("let go") }

func pile(n, size int) {
	defer func() { _ = recover() }()
	for i := 0; ; i++ {
		p := newParcel(size)
		defer p.done() // seep: defer here
		atomic.AddInt64(&there, 1)
		if i+1 == n {
			<-turns
			leave()
		}
	}
}

func live() (uint64, uint64) {
	var memory runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&memory)
	return memory.HeapAlloc, memory.StackInuse
}

func main() {
	n := flag.Int("n", 500, "how many")
	size := flag.Int("size", 10<<10, "bytes that each holds")
	kind := flag.String("kind", "goroutines", "goroutines or defers")
	truth.Start(func() truth.Fields { return truth.Fields{} })
	let := make(chan os.Signal, 1)
	signal.Notify(let, syscall.SIGUSR2)
	if *kind == "goroutines" {
		never := make(chan struct{})
		for i := 0; i < *n; i++ {
			go wait(never, newParcel(*size)) // seep: go here
		}
		number = ^*(*uintptr)(unsafe.Pointer(&never))
	} else {
		go pile(*n, *size)
	}
	for atomic.LoadInt64(&there) < int64(*n) {
		time.Sleep(time.Millisecond)
	}
	heap, stacks := live()
	truth.Ready()
	<-let
	release[*kind]()
	time.Sleep(200 * time.Millisecond)
	heapAfter, stacksAfter := live()
	truth.Event("freed", truth.Fields{"heap_bytes": heap - heapAfter, "stack_bytes": stacks - stacksAfter})
	runtime.KeepAlive(shared)
	time.Sleep(time.Hour)
}

// Every kind of object that Go's heap, stacks and variables can hold, each with something that only it leads to, and beside
// that something that was dropped and whose address stands where no pointer is. Whoever marks one object too few loses the
// first, one too many finds the second.
//
// When all is there, the program collects, says "ready" without allocating anything, and its main goroutine blocks
// in a read(2). The collector's mark bits are then what a walk from outside has to find. With -busy it does not stand still.
package main

import (
	"flag"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"example.com/seep-tests/internal/truth"
)

var (
	megabytes = flag.Int("mb", 8, "how large the heap grows")
	spinners  = flag.Int("spin", 3, "goroutines in a loop without calls")
)

// kept holds what each cage returns.
var kept []interface{}

// cages is filled by the files of this program; those for newer releases stand behind build tags.
var cages []func() interface{}

// drops drop what must have been found dead once before the last collection.
var drops []func()

// A leaf is what one place alone leads to.
type leaf struct{ value [3]uintptr }

//go:noinline
func newLeaf() *leaf { return &leaf{} }

// parked counts goroutines that are about to block; never is a channel that nobody sends to.
var (
	parked sync.WaitGroup
	never  = make(chan int)
)

// block is where most goroutines of the zoo wait for ever.
//
//go:noinline
func block() {
	parked.Done()
	<-never
}

// inhabit starts a goroutine that will block.
func inhabit(run func()) {
	parked.Add(1)
	go run()
}

func settle() {
	for i := 0; i < 20; i++ {
		runtime.Gosched()
	}
	time.Sleep(50 * time.Millisecond)
}

func main() {
	truth.Start(nil)
	for _, cage := range cages {
		kept = append(kept, cage())
	}
	parked.Wait()
	grow(*megabytes)
	settle()
	dropFinalizers()
	for _, drop := range drops {
		drop()
	}
	refill()
	toil(*busy)
	spin(*spinners)
	wait([]byte(`{"event":"ready"}` + "\n"))
}

// wait collects a last time, says so, and blocks in a system call. Nothing is allocated from here on. In a frame
// of its own, so that what main itself still holds is the same for both.
//
//go:noinline
func wait(line []byte) {
	var ends [2]int
	if syscall.Pipe(ends[:]) != nil {
		os.Exit(1)
	}
	answer := make([]byte, 1)
	settle()
	runtime.GC()
	syscall.Write(1, line)
	syscall.Read(ends[0], answer)
}

// own-park parks goroutines as the runtime does, with a wait reason of the runtime's and without its sudogs (as gvisor.dev/gvisor/pkg/sleep does), and
// keeps their descriptors as numbers, which lead nowhere for a collector. All are woken every -every, and park again.
package main

import (
	"flag"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"example.com/seep-tests/internal/truth"
)

//go:linkname gopark runtime.gopark
func gopark(unlock func(g, lock unsafe.Pointer) bool, lock unsafe.Pointer, reason, trace byte, skip int)

//go:linkname goready runtime.goready
func goready(g unsafe.Pointer, skip int)

// waitReasonSelect, up to Go 1.25 and since.
const (
	oldReasonSelect = 9
	newReasonSelect = 18
)

var (
	woken  int64
	reason byte = newReasonSelect
)

//go:nosplit
func commit(g, lock unsafe.Pointer) bool {
	atomic.StoreUintptr((*uintptr)(lock), uintptr(g))
	return true
}

func wait(place *uintptr) {
	for {
		gopark(commit, unsafe.Pointer(place), reason, 0, 1)
		atomic.AddInt64(&woken, 1)
	}
}

func wake(places []uintptr) {
	for i := range places {
		g := atomic.SwapUintptr(&places[i], 0)
		if g != 0 {
			goready(*(*unsafe.Pointer)(unsafe.Pointer(&g)), 1)
		}
	}
}

func main() {
	count := flag.Int("n", 50, "goroutines")
	every := flag.Duration("every", 3*time.Second, "time between two times that all are woken")
	truth.Start(func() truth.Fields { return truth.Fields{"woken": atomic.LoadInt64(&woken)} })
	var minor int
	if _, err := fmt.Sscanf(runtime.Version(), "go1.%d", &minor); err == nil && minor < 26 {
		reason = oldReasonSelect
	}
	places := make([]uintptr, *count)
	for i := range places {
		go wait(&places[i])
	}
	for atomic.LoadInt64(&woken) < int64(*count) {
		time.Sleep(10 * time.Millisecond)
		wake(places)
	}
	truth.Ready()
	for {
		time.Sleep(*every)
		wake(places)
	}
}

//go:build go1.24

package hold

import (
	"runtime"
	"sync/atomic"
	"weak"

	"example.com/seep-tests/internal/waits"
)

func init() {
	Holders = append(Holders,
		Holder{Name: "cleanup-argument", Hold: cleanupArgument},
		Holder{Name: "cleanup-closure", Hold: cleanupClosure},
		Holder{Name: "cleanup-garbage", Hold: cleanupGarbage},
		Holder{Name: "cleanup-running", Hold: cleanupRunning, First: true},
	)
	Weak = Own{"weak-pointer", weakPointer}
}

func cleanupArgument(g *Gate, wake func()) {
	done := new([4]int32)
	on := &thing{}
	runtime.AddCleanup(on, func(wake func()) {
		atomic.StoreInt32(&done[0], 1)
		wake()
	}, wake)
	place := put(on)
	later(g, func() {
		take(place)
		until(&done[0])
	})
}

func cleanupClosure(g *Gate, wake func()) {
	done := new([4]int32)
	on := &thing{}
	runtime.AddCleanup(on, func(int) {
		atomic.StoreInt32(&done[0], 1)
		wake()
	}, 1)
	place := put(on)
	later(g, func() {
		take(place)
		until(&done[0])
	})
}

func cleanupGarbage(g *Gate, wake func()) {
	done := new([4]int32)
	runtime.AddCleanup(&thing{}, func(wake func()) {
		atomic.StoreInt32(&done[0], 1)
		wake()
	}, wake)
	later(g, func() { until(&done[0]) })
}

func cleanupRunning(g *Gate, wake func()) {
	begun := new([4]int32)
	runtime.AddCleanup(&thing{}, func(wake func()) {
		atomic.StoreInt32(&begun[0], 1)
		<-g.C
		wake()
	}, wake)
	soon(&begun[0])
}

// weakPointer is on the stack of the one who waits, which keeps it alive; a weak pointer leads others there.
func weakPointer(name string, g *Gate) int {
	wait, wake := waits.Kinds[0].New()
	on := &thing{wake: wake}
	shelve(g, weak.Make(on), func(what interface{}) {
		if on := what.(weak.Pointer[thing]).Value(); on != nil {
			on.wake()
		}
	})
	waits.Go(name, func() {
		wait()
		runtime.KeepAlive(on)
	})
	return 1
}

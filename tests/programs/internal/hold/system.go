package hold

import (
	"runtime"
	"sync/atomic"
	"time"
)

func init() {
	Holders = append(Holders,
		Holder{Name: "timer-function", Hold: timerFunction},
		Holder{Name: "timer-kept", Hold: timerKept},
		Holder{Name: "timer-goroutine", Hold: timerGoroutine},
		Holder{Name: "finalizer-closure", Hold: finalizerClosure},
		Holder{Name: "finalizer-garbage", Hold: finalizerGarbage},
		Holder{Name: "finalizer-running", Hold: finalizerRunning, First: true},
		Holder{Name: "finalizer-queued", Hold: finalizerQueued, First: true},
	)
}

// timerFunction is with nobody but the runtime, which calls it again and again.
func timerFunction(g *Gate, wake func()) {
	time.AfterFunc(5*time.Millisecond, func() {
		if g.Over() {
			wake()
		} else {
			timerFunction(g, wake)
		}
	})
}

func timerKept(g *Gate, wake func()) {
	timer := time.AfterFunc(time.Hour, wake)
	shelve(g, timer, func(what interface{}) { what.(*time.Timer).Reset(0) })
}

func timerGoroutine(g *Gate, wake func()) {
	time.AfterFunc(0, func() {
		<-g.C
		wake()
	})
}

// thing is an object that can have a finalizer of its own.
type thing struct {
	wake func()
	self *thing
	room [4]int
}

// until collects garbage until the number is not zero any more.
func until(done *int32) {
	for atomic.LoadInt32(done) == 0 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

func finalizerClosure(g *Gate, wake func()) {
	done := new([4]int32)
	on := &thing{}
	runtime.SetFinalizer(on, func(*thing) {
		atomic.StoreInt32(&done[0], 1)
		wake()
	})
	place := put(on)
	later(g, func() {
		take(place)
		until(&done[0])
	})
}

// finalizerGarbage is already out of reach, but nobody has noticed: the finalizer will get it.
func finalizerGarbage(g *Gate, wake func()) {
	done := new([4]int32)
	runtime.SetFinalizer(&thing{wake: wake}, func(on *thing) {
		atomic.StoreInt32(&done[0], 1)
		on.wake()
	})
	later(g, func() { until(&done[0]) })
}

// finalizerRunning is on the stack of the goroutine that runs finalizers.
func finalizerRunning(g *Gate, wake func()) {
	begun := new([4]int32)
	runtime.SetFinalizer(&thing{wake: wake}, func(on *thing) {
		atomic.StoreInt32(&begun[0], 1)
		wake := on.wake
		<-g.C
		wake()
	})
	soon(&begun[0])
}

// finalizerQueued has its turn after others that do not end yet.
func finalizerQueued(g *Gate, wake func()) {
	begun := new([4]int32)
	for _, each := range []func(){func() {}, wake} {
		runtime.SetFinalizer(&thing{wake: each}, func(on *thing) {
			<-g.C
			on.wake()
		})
	}
	soon(&begun[0])
}

// soon is until, but gives up: finalizers and cleanups have to wait for each other.
func soon(done *int32) {
	for i := 0; i < 5 && atomic.LoadInt32(done) == 0; i++ {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

// Package hold keeps the end that wakes a goroutine in one place each: in a timer, in the argument of a finalizer,
// in a register, and wherever else Go has a reference that leads there.
//
// Each way to hold starts whatever it needs, keeps the end in that place only, and calls it when the gate opens.
package hold

import (
	"sync"
	"sync/atomic"
)

// Gate is open or not yet.
type Gate struct {
	C     chan struct{}
	over  int32
	early chan struct{}
	ahead sync.WaitGroup
}

// NewGate makes one that is shut.
func NewGate() *Gate { return &Gate{C: make(chan struct{}), early: make(chan struct{})} }

// Open lets everybody go, those first whom a garbage collection would disturb.
func (g *Gate) Open() {
	close(g.early)
	g.ahead.Wait()
	atomic.StoreInt32(&g.over, 1)
	close(g.C)
}

// Over says whether it is open.
func (g *Gate) Over() bool { return atomic.LoadInt32(&g.over) != 0 }

// Holder is a way to hold an end.
type Holder struct {
	Name string
	Hold func(g *Gate, wake func())
	// Heavy ones cost a core or much memory.
	Heavy bool
	// Still ones lose what they hold if there is a garbage collection before the gate opens.
	Still bool
	// First ones have a garbage collection of their own at the start.
	First bool
}

// Holders are all ways that this release of Go has.
var Holders []Holder

// Own is a primitive that has its own way to wait, and its own place. It starts the goroutines that wait and returns
// how many.
type Own struct {
	Name  string
	Start func(name string, g *Gate) int
}

// Owns are all of them that this release has.
var Owns []Own

// shelf is where what a global variable holds is put. Its places are known by numbers.
var shelf struct {
	mu   sync.Mutex
	free []int
	used int
	at   [1 << 14]interface{}
}

func put(what interface{}) int {
	shelf.mu.Lock()
	defer shelf.mu.Unlock()
	place := shelf.used
	if n := len(shelf.free); n > 0 {
		place, shelf.free = shelf.free[n-1], shelf.free[:n-1]
	} else {
		shelf.used++
	}
	shelf.at[place] = what
	return place
}

func take(place int) interface{} {
	shelf.mu.Lock()
	defer shelf.mu.Unlock()
	what := shelf.at[place]
	shelf.at[place] = nil
	shelf.free = append(shelf.free, place)
	return what
}

// later calls a function when the gate is open. The function must not know the end that wakes.
func later(g *Gate, then func()) {
	go func() {
		<-g.C
		then()
	}()
}

// shelve puts something on the shelf, and gives it to a function when the gate is open.
func shelve(g *Gate, what interface{}, then func(what interface{})) {
	place := put(what)
	later(g, func() { then(take(place)) })
}

// Weak is a wait that only a weak pointer leads to. Go's own profile is wrong about it. No Start where there are none.
var Weak Own

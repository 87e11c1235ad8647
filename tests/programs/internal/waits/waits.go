// Package waits makes pairs of ends: one that waits, and the only one that wakes it.
//
// The two ends of a pair are functions that share nothing but the primitive. Whoever holds neither of them cannot
// reach it: so that a program decides who can wake a goroutine by where it keeps one function.
package waits

import (
	"sync"
)

// Kind is a way to wait.
type Kind struct {
	Name string
	// New gives both ends. The one that waits is called once, by the goroutine that shall wait, and so is the other.
	New func() (wait, wake func())
}

// Kinds are all ways that a goroutine can wait for another.
var Kinds = []Kind{
	{"receive", receive},
	{"send", send},
	{"send-buffered", sendBuffered},
	{"range", rangeOver},
	{"select", selectTwo},
	{"mutex", mutex},
	{"rwmutex-read", read},
	{"rwmutex-write", write},
	{"waitgroup", waitGroup},
	{"cond", cond},
}

// Packed can be reached by chance too: those who wait in this way may be leaked without any proof.
var Packed = []Kind{{"mutex-packed", packed}}

func receive() (wait, wake func()) {
	c := make(chan int)
	return func() { <-c }, func() { close(c) }
}

func send() (wait, wake func()) {
	c := make(chan *int)
	return func() { c <- new(int) }, func() { <-c }
}

func sendBuffered() (wait, wake func()) {
	c := make(chan *int, 2)
	c <- nil
	c <- nil
	return func() { c <- new(int) }, func() { <-c }
}

func rangeOver() (wait, wake func()) {
	c := make(chan string, 1)
	wait = func() {
		for range c {
		}
	}
	return wait, func() { close(c) }
}

func selectTwo() (wait, wake func()) {
	c := make(chan int)
	wait = func() {
		nobody := make(chan string)
		select {
		case <-c:
		case nobody <- "":
		case <-nobody:
		}
	}
	return wait, func() { c <- 1 }
}

// mutex is more than a lock by itself: the runtime packs things of less than 16 bytes without pointers into one
// object, and then who reaches one of them reaches all.
func mutex() (wait, wake func()) {
	m := new(Lock)
	m.Lock()
	return func() { m.Lock() }, func() { m.Unlock() }
}

// Lock is a lock that has an object of its own.
type Lock struct {
	sync.Mutex
	Name string
}

// packed is a lock by itself.
func packed() (wait, wake func()) {
	m := new(sync.Mutex)
	m.Lock()
	return func() { m.Lock() }, func() { m.Unlock() }
}

// read waits on a lock in the middle of a larger object.
func read() (wait, wake func()) {
	s := &struct {
		before [3]int
		lock   sync.RWMutex
		after  [3]*int
	}{}
	s.lock.Lock()
	return func() { s.lock.RLock() }, func() { s.lock.Unlock() }
}

func write() (wait, wake func()) {
	m := new(sync.RWMutex)
	m.RLock()
	return func() { m.Lock() }, func() { m.RUnlock() }
}

func waitGroup() (wait, wake func()) {
	w := new(sync.WaitGroup)
	w.Add(1)
	return func() { w.Wait() }, func() { w.Done() }
}

func cond() (wait, wake func()) {
	m := new(sync.Mutex)
	c := sync.NewCond(m)
	set := false
	wait = func() {
		m.Lock()
		for !set {
			c.Wait()
		}
		m.Unlock()
	}
	return wait, func() {
		m.Lock()
		set = true
		c.Broadcast()
		m.Unlock()
	}
}

package main

import (
	"context"
	"io"
	"reflect"
	"sync"
	"time"
	"unsafe"

	"example.com/seep-tests/internal/waits"
)

// cases start goroutines that are leaked in other ways, and return how many.
var cases = map[string]func(name string) int{
	"nil-receive":   nilReceive,
	"nil-send":      nilSend,
	"select-none":   selectNone,
	"select-nil":    selectNil,
	"select-many":   selectMany,
	"reflect":       reflectSelect,
	"context":       lostContext,
	"pipe":          lostPipe,
	"timer-stopped": stoppedTimer,
	"lock-order":    lockOrder,
	"ring":          ring,
	"tree":          tree,
	"behind-leak":   behindLeak,
	"own-lock":      ownLock,
	"once":          onceInOnce,
	"in-garbage":    inGarbage,
	"as-number":     asNumber,
	"dead-slot":     deadSlot,
}

// awake start goroutines that look the same and can be woken, and return how many.
var awake = map[string]func(name string) int{
	"global":      waitGlobal,
	"global-lock": lockGlobal,
	"ring":        ringWithEntry,
	"behind":      behindSleeper,
}

func nilReceive(name string) int {
	waits.Go(name, func() {
		var c chan int
		<-c
	})
	return 1
}

func nilSend(name string) int {
	waits.Go(name, func() {
		var c chan int
		c <- 1
	})
	return 1
}

func selectNone(name string) int {
	waits.Go(name, func() { select {} })
	return 1
}

func selectNil(name string) int {
	waits.Go(name, func() {
		var in, out chan int
		select {
		case <-in:
		case out <- 1:
		}
	})
	return 1
}

func selectMany(name string) int {
	waits.Go(name, func() {
		var c [8]chan int
		for i := range c {
			c[i] = make(chan int)
		}
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case c[3] <- 3:
		case c[4] <- 4:
		case <-c[5]:
		case <-c[6]:
		case c[7] <- 7:
		}
	})
	return 1
}

func reflectSelect(name string) int {
	waits.Go(name, func() {
		reflect.Select([]reflect.SelectCase{
			{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(make(chan int))},
			{Dir: reflect.SelectSend, Chan: reflect.ValueOf(make(chan string)), Send: reflect.ValueOf("")},
		})
	})
	return 1
}

// lostContext waits for a context that nobody can cancel any more.
func lostContext(name string) int {
	parent, cancel := context.WithCancel(context.Background())
	_ = cancel
	child := context.WithValue(parent, &kept, 1)
	waits.Go(name, func() { <-child.Done() })
	return 1
}

func lostPipe(name string) int {
	reader, _ := io.Pipe()
	waits.Go(name, func() { reader.Read(make([]byte, 1)) })
	return 1
}

// stoppedTimer waits until the time of the timer has passed: up to Go 1.22 a stopped one stays with its P until then at the latest.
func stoppedTimer(name string) int {
	const soon = 100 * time.Millisecond
	timer := time.NewTimer(soon)
	for !timer.Stop() {
		timer = time.NewTimer(soon)
	}
	time.Sleep(soon + soon/2)
	waits.Go(name, func() { <-timer.C })
	return 1
}

// lockOrder has two goroutines each of which holds what the other wants.
func lockOrder(name string) int {
	var a, b waits.Lock
	var both sync.WaitGroup
	both.Add(2)
	cross := func(first, second *waits.Lock) func() {
		return func() {
			first.Lock()
			both.Done()
			both.Wait()
			second.Lock()
		}
	}
	waits.Go(name, cross(&a, &b))
	waits.Go(name, cross(&b, &a))
	return 2
}

// ring has goroutines that each wait for the one before.
func ring(name string) int {
	const size = 5
	links := make([]chan int, size)
	for i := range links {
		links[i] = make(chan int)
	}
	for i := range links {
		in, out := links[i], links[(i+1)%size]
		waits.Go(name, func() { out <- <-in })
	}
	return size
}

// tree has a root that waits for its children, which wait for theirs, which wait for nobody.
func tree(name string) int {
	var grow func(depth int, done func()) int
	grow = func(depth int, done func()) int {
		var below sync.WaitGroup
		started := 1
		if depth == 0 {
			waits.Go(name, func() {
				<-make(chan int)
				done()
			})
			return started
		}
		below.Add(2)
		for i := 0; i < 2; i++ {
			started += grow(depth-1, below.Done)
		}
		wait := &below
		waits.Go(name, func() {
			wait.Wait()
			done()
		})
		return started
	}
	return grow(3, func() {})
}

// behindLeak has one whose waking end is on the stack of another that is leaked.
func behindLeak(name string) int {
	wait, wake := waits.Kinds[0].New()
	waits.Go(name, wait)
	waits.Go(name, func() {
		<-make(chan int)
		wake()
	})
	return 2
}

func ownLock(name string) int {
	waits.Go(name, func() {
		var m sync.RWMutex
		m.RLock()
		m.Lock()
	})
	return 1
}

func onceInOnce(name string) int {
	waits.Go(name, func() {
		var own struct {
			sync.Once
			name string
		}
		own.Do(func() { own.Do(func() {}) })
	})
	return 1
}

type node struct {
	next *node
	wake func()
	pad  [100]*int
}

// inGarbage is referred to by a list that nothing refers to. Without a collection it is still in memory.
func inGarbage(name string) int {
	wait, wake := waits.Kinds[2].New()
	waits.Go(name, wait)
	list := &node{wake: wake}
	for i := 0; i < 100; i++ {
		list = &node{next: list}
	}
	list.next.next.next = list
	return 1
}

// numbers are addresses as text and as numbers: they keep nothing.
var numbers []uintptr

func asNumber(name string) int {
	c := make(chan int)
	waits.Go(name, func() { <-c })
	numbers = append(numbers, **(**uintptr)(unsafe.Pointer(&[]*chan int{&c}[0]))) // what c holds, and it is no pointer now
	return 1
}

// deadSlot was on the stack of a goroutine that lives on and does not need it any more.
func deadSlot(name string) int {
	ready := make(chan int)
	go func() {
		wait, wake := waits.Kinds[0].New()
		waits.Go(name, wait)
		look(wake)
		close(ready)
		<-never
	}()
	<-ready
	return 1
}

//go:noinline
func look(func()) {}

var (
	never   = make(chan int)
	locked  sync.Mutex
	holding = locked.TryLock()
)

func waitGlobal(name string) int {
	waits.Go(name, func() { <-never })
	return 1
}

func lockGlobal(name string) int {
	waits.Go(name, func() { locked.Lock() })
	return 1
}

// ringWithEntry is a ring whose first link is also with somebody else.
func ringWithEntry(name string) int {
	first := make(chan int)
	second := make(chan int)
	waits.Go(name, func() { second <- <-first })
	waits.Go(name, func() { first <- <-second })
	kept = append(kept, func() { close(first) })
	return 2
}

func behindSleeper(name string) int {
	wait, wake := waits.Kinds[5].New()
	waits.Go(name, wait)
	go func() {
		time.Sleep(time.Hour)
		wake()
	}()
	return 1
}

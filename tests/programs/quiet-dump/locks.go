package main

import (
	"fmt"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

var (
	mutex     sync.Mutex
	rwmutex   sync.RWMutex
	waitgroup sync.WaitGroup
	condLock  sync.Mutex
	cond      = sync.NewCond(&condLock)
	onHeap    = new(struct {
		before [3]int
		mutex  sync.Mutex
	})
	once sync.Once
)

func startLocks() {
	mutex.Lock()
	onHeap.mutex.Lock()
	waitgroup.Add(1)
	start("main.lockMutex", 2, lockMutex)
	start("main.lockOnHeap", 3, lockOnHeap)
	start("main.waitGroup", 3, waitGroup)
	start("main.waitCond", 2, waitCond)
	go waitgroup.Wait() // the function of the library itself, by way of a wrapper
	rwmutex.RLock()
	start("main.lockToWrite", 1, lockToWrite)
	for rwmutex.TryRLock() { // the writer has not come yet
		rwmutex.RUnlock()
		time.Sleep(time.Millisecond)
	}
	start("main.lockToRead", 2, lockToRead)
	go once.Do(func() { <-forever })
	start("main.waitOnce", 1, waitOnce)
}

func lockMutex()   { mutex.Lock() }
func lockOnHeap()  { onHeap.mutex.Lock() }
func waitGroup()   { waitgroup.Wait() }
func lockToWrite() { rwmutex.Lock() }
func lockToRead()  { rwmutex.RLock() }

func waitCond() {
	condLock.Lock()
	cond.Wait()
}

// waitOnce is either the one that runs, or one that waits for it. Both wait for ever.
func waitOnce() { once.Do(func() { <-forever }) }

func lockFacts() []truth.Fields {
	fact := func(function, kind string, address interface{}, waiters int) truth.Fields {
		return truth.Fields{
			"function": function, "kind": kind, "address": fmt.Sprintf("%p", address), "waiters": waiters,
		}
	}
	return []truth.Fields{
		fact("main.lockMutex", "mutex", &mutex, 2),
		fact("main.lockOnHeap", "mutex", &onHeap.mutex, 3),
		fact("main.waitGroup", "waitgroup", &waitgroup, 4),
		fact("main.waitCond", "cond", cond, 2),
		fact("main.lockToWrite", "rwmutex", &rwmutex, 3),
		fact("main.lockToRead", "rwmutex", &rwmutex, 3),
	}
}

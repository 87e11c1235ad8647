// global-lock has a lock in a global variable, for which more and more goroutines wait: somebody returned without
// unlocking. With -clean somebody only keeps it for a while, again and again.
package main

import (
	"flag"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

var waiting truth.Tally

// lock is how one kind is waited for, forgotten, and kept for a while.
type lock struct {
	wait, forget func()
	keep         func(period time.Duration)
}

var locks = map[string]lock{
	"mutex":     {waitMutex, forgetMutex, keepMutex},
	"rwmutex":   {waitRWMutex, forgetRWMutex, keepRWMutex},
	"waitgroup": {waitGroup, forgetGroup, keepGroup},
	"cond":      {waitCond, forgetCond, keepCond},
	// What is kept is given back through an interface: nobody's code names the lock.
	"transaction": {waitTransaction, forgetMutex, keepTransaction},
}

func main() {
	kind := flag.String("kind", "mutex", "what is waited for")
	every := flag.Duration("every", 2*time.Millisecond, "time between two goroutines")
	clean := flag.Bool("clean", false, "keep it for a while, again and again")
	period := flag.Duration("period", 3*time.Second, "that long")
	most := flag.Int("n", 0, "goroutines, 0: ever more")
	truth.Start(waiting.Leaked)
	use := locks[*kind]
	if *clean {
		go use.keep(*period)
	} else {
		use.forget()
	}
	time.Sleep(10 * time.Millisecond)
	truth.Ready()
	for i := 0; *most == 0 || i < *most; i++ {
		waiting.Coming()
		go use.wait() // seep: go here
		time.Sleep(*every)
	}
	time.Sleep(time.Hour)
}

var (
	mutex   sync.Mutex
	rwmutex sync.RWMutex
	group   sync.WaitGroup
	gate    sync.Mutex
	opened  = sync.NewCond(&gate)
	open    bool
	total   int
)

func waitMutex() {
	waiting.There()
	mutex.Lock() // seep: mutex here
	waiting.Gone()
	total++
	mutex.Unlock()
}

func forgetMutex() {
	mutex.Lock()
	if total == 0 {
		return
	}
	mutex.Unlock()
}

func keepMutex(period time.Duration) {
	for {
		mutex.Lock()
		time.Sleep(period)
		total++
		mutex.Unlock()
		time.Sleep(period / 10)
	}
}

type transaction interface{ commit() }

type write struct{ done *int }

func (w *write) commit() {
	*w.done++
	mutex.Unlock()
}

func begin() transaction {
	mutex.Lock()
	return &write{&total}
}

var work = func(t transaction, period time.Duration) {
	time.Sleep(period)
	t.commit()
}

func waitTransaction() {
	waiting.There()
	t := begin()
	waiting.Gone()
	t.commit()
}

func keepTransaction(period time.Duration) {
	for {
		work(begin(), period)
		time.Sleep(period / 10)
	}
}

func waitRWMutex() {
	waiting.There()
	rwmutex.RLock() // seep: rwmutex here
	waiting.Gone()
	rwmutex.RUnlock()
}

func forgetRWMutex() {
	rwmutex.Lock()
	if total == 0 {
		return
	}
	rwmutex.Unlock()
}

func keepRWMutex(period time.Duration) {
	for {
		rwmutex.Lock()
		time.Sleep(period)
		total++
		rwmutex.Unlock()
		time.Sleep(period / 10)
	}
}

func waitGroup() {
	waiting.There()
	group.Wait() // seep: waitgroup here
	waiting.Gone()
}

func forgetGroup() {
	group.Add(1)
	go func() {
		if total == 0 {
			return
		}
		group.Done()
	}()
}

func keepGroup(period time.Duration) {
	for {
		group.Add(1)
		time.Sleep(period)
		group.Done()
		time.Sleep(period / 10)
	}
}

func waitCond() {
	gate.Lock()
	waiting.There()
	for !open {
		opened.Wait() // seep: cond here
	}
	waiting.Gone()
	gate.Unlock()
}

func forgetCond() {
	gate.Lock()
	total++
	gate.Unlock()
}

func keepCond(period time.Duration) {
	for {
		time.Sleep(period)
		setOpen(true)
		opened.Broadcast()
		time.Sleep(period / 10)
		setOpen(false)
	}
}

func setOpen(now bool) {
	gate.Lock()
	open = now
	gate.Unlock()
}

// group-commit collects requests and writes them all at once every few seconds, as databases do. Until then
// they pile up and none gets on. Nothing leaks. They wait for a channel that is closed, on a condition, for a
// group, or for a mutex, as -kind says.
package main

import (
	"flag"
	"os"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

// Log is written to in groups.
type Log struct {
	mu        sync.Mutex
	cond      *sync.Cond
	batch     *Batch
	committed int
	disk      sync.Mutex
}

// Batch is what waits for the next commit.
type Batch struct {
	number int
	done   chan struct{}
	group  sync.WaitGroup
}

func newBatch(number int) *Batch {
	batch := &Batch{number: number, done: make(chan struct{})}
	batch.group.Add(1)
	return batch
}

func main() {
	kind := flag.String("kind", "channel", "channel, cond, waitgroup, mutex")
	period := flag.Duration("period", 5*time.Second, "time between two commits")
	every := flag.Duration("every", 3*time.Millisecond, "time between two requests")
	truth.Start(nil)
	log := &Log{batch: newBatch(0)}
	log.cond = sync.NewCond(&log.mu)
	wait := map[string]func(){
		"channel": log.waitForChannel, "cond": log.waitForCond,
		"waitgroup": log.waitForGroup, "mutex": log.waitForMutex,
	}[*kind]
	if wait == nil {
		os.Exit(2)
	}
	go log.commitAll(*period)
	truth.Ready()
	for {
		go wait()
		time.Sleep(*every)
	}
}

// commitAll writes what has come together, and wakes those who wait for it. It has the disk while it works.
func (l *Log) commitAll(period time.Duration) {
	for {
		l.disk.Lock()
		time.Sleep(period)
		l.disk.Unlock()
		l.mu.Lock()
		batch := l.batch
		l.batch = newBatch(batch.number + 1)
		l.committed++
		l.cond.Broadcast()
		l.mu.Unlock()
		close(batch.done)
		batch.group.Done()
		time.Sleep(10 * time.Millisecond)
	}
}

func (l *Log) current() *Batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.batch
}

func (l *Log) waitForChannel() { <-l.current().done }

func (l *Log) waitForGroup() { l.current().group.Wait() }

func (l *Log) waitForCond() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for now := l.committed; l.committed == now; {
		l.cond.Wait()
	}
}

func (l *Log) waitForMutex() {
	l.disk.Lock()
	defer l.disk.Unlock()
}

// semaphore-channel starts a goroutine for each job at once and lets few of them work at a time: the others
// wait to send on a buffered channel. When all are done, the next lot comes.
package main

import (
	"flag"
	"runtime"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

func main() {
	jobs := flag.Int("jobs", 2000, "goroutines of one lot")
	atOnce := flag.Int("at-once", 8, "how many work at a time")
	work := flag.Duration("work", 20*time.Millisecond, "time that one job takes")
	awake := flag.Bool("awake", false, "wake all who work at once, and let none of them run (needs GODEBUG=asyncpreemptoff=1)")
	truth.Start(nil)
	truth.Ready()
	if *awake {
		wakeAndHog(*jobs, *atOnce)
	}
	for {
		lot(*jobs, *atOnce, *work)
	}
}

func lot(jobs, atOnce int, work time.Duration) {
	places := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for i := 0; i < jobs; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			places <- struct{}{}
			defer func() { <-places }()
			time.Sleep(work)
		}()
	}
	group.Wait()
}

// wakeAndHog ends the work of those who work and keeps the only processor to itself from then on: all of them stay runnable, past their send and
// before their receive.
func wakeAndHog(jobs, atOnce int) {
	runtime.GOMAXPROCS(1)
	places := make(chan struct{}, atOnce)
	work := make(chan struct{})
	for i := 0; i < jobs; i++ {
		go job(places, work)
	}
	time.Sleep(100 * time.Millisecond)
	close(work)
	for hogged := uint64(0); ; hogged++ {
	}
}

func job(places, work chan struct{}) {
	places <- struct{}{}
	defer func() { <-places }()
	<-work
}

// semaphore-channel starts a goroutine for each job at once and lets few of them work at a time: the others
// wait to send on a buffered channel. When all are done, the next lot comes.
package main

import (
	"flag"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

func main() {
	jobs := flag.Int("jobs", 2000, "goroutines of one lot")
	atOnce := flag.Int("at-once", 8, "how many work at a time")
	work := flag.Duration("work", 20*time.Millisecond, "time that one job takes")
	truth.Start(nil)
	truth.Ready()
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

// burst starts many goroutines now and then. They wait for each other, and end.
package main

import (
	"flag"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

func main() {
	size := flag.Int("size", 3000, "goroutines of one burst")
	pace := flag.Duration("pace", 500*time.Microsecond, "time between two of them")
	pause := flag.Duration("pause", 500*time.Millisecond, "time between two bursts")
	truth.Start(nil)
	truth.Ready()
	for {
		burst(*size, *pace)
		time.Sleep(*pause)
	}
}

func burst(size int, pace time.Duration) {
	gate := make(chan struct{})
	var group sync.WaitGroup
	for i := 0; i < size; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			<-gate
		}()
		time.Sleep(pace)
	}
	close(gate)
	group.Wait()
}

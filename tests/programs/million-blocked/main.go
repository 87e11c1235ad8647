// million-blocked has a great number of goroutines that all wait for the same gate, which opens at the end.
package main

import (
	"flag"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

func main() {
	count := flag.Int("n", 1000000, "goroutines")
	open := flag.Duration("open", time.Hour, "time until the gate opens")
	truth.Start(nil)
	gate := make(chan struct{})
	var arriving, leaving sync.WaitGroup
	arriving.Add(*count)
	leaving.Add(*count)
	for i := 0; i < *count; i++ {
		go wait(gate, &arriving, &leaving)
	}
	arriving.Wait()
	truth.Ready()
	time.Sleep(*open)
	close(gate)
	leaving.Wait()
}

func wait(gate chan struct{}, arriving, leaving *sync.WaitGroup) {
	arriving.Done()
	<-gate // seep: wait here
	leaving.Done()
}

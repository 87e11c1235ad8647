// leak-waitgroup: a worker that fails returns without Done, so the goroutine that waits for all of them waits
// for ever. With -clean Done is deferred.
package main

import (
	"flag"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

var waiting truth.Tally

func main() {
	every := flag.Duration("every", 2*time.Millisecond, "time between two requests")
	clean := flag.Bool("clean", false, "use the right idiom")
	truth.Start(waiting.Leaked)
	truth.Ready()
	for {
		gather(*clean)
		time.Sleep(*every)
	}
}

func gather(clean bool) {
	group := &sync.WaitGroup{}
	results := make(chan int, 3)
	for part := 0; part < 3; part++ {
		group.Add(1)
		if clean {
			go workClean(group, part, results)
		} else {
			go work(group, part, results)
		}
	}
	waiting.Coming()
	go finish(group, results) // seep: go here
}

func finish(group *sync.WaitGroup, results chan int) {
	waiting.There()
	group.Wait() // seep: wait here
	waiting.Gone()
	close(results)
}

func work(group *sync.WaitGroup, part int, results chan int) {
	if part == 1 {
		return
	}
	results <- part
	group.Done()
}

func workClean(group *sync.WaitGroup, part int, results chan int) {
	defer group.Done()
	if part == 1 {
		return
	}
	results <- part
}

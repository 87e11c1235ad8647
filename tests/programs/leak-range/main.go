// leak-range: each request starts a goroutine that reads a channel until it is closed, and nobody closes it.
// With -clean it is closed.
package main

import (
	"flag"
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
		handle(*clean)
		time.Sleep(*every)
	}
}

func handle(clean bool) {
	results := make(chan int)
	waiting.Coming()
	go func() { // seep: go here
		sum := 0
		waiting.There()
		for result := range results { // seep: wait here
			sum += result
		}
		waiting.Gone()
	}()
	for part := 0; part < 3; part++ {
		results <- part
	}
	if clean {
		close(results)
	}
}

// leak-retry: a goroutine for each value tries to send it, again and again, to a receiver that has returned.
// None of them waits long, and none of them ever ends. With -clean each gives up after the first try.
package main

import (
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

var waiting truth.Tally

func main() {
	every := flag.Duration("every", 2*time.Millisecond, "time between two values")
	patience := flag.Duration("patience", 500*time.Millisecond, "how long one try lasts")
	clean := flag.Bool("clean", false, "use the right idiom")
	truth.Start(waiting.Leaked)
	truth.Ready()
	values := make(chan int)
	go func() { <-values }()
	for turn := 0; ; turn++ {
		waiting.Coming()
		go deliver(values, turn, *patience, *clean) // seep: go here
		time.Sleep(*every)
	}
}

func deliver(values chan int, value int, patience time.Duration, once bool) {
	waiting.There()
	defer waiting.Gone()
	for {
		select { // seep: wait here
		case values <- value:
			return
		case <-time.After(patience):
			if once {
				return
			}
		}
	}
}

// running-holder has a goroutine that never waits, with a channel in its hands to which it lets others send: nobody
// else has the channel. With -clean it takes all values one day; until then everybody waits.
package main

import (
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

var waiting truth.Tally

func main() {
	every := flag.Duration("every", 2*time.Millisecond, "time between two goroutines")
	clean := flag.Bool("clean", false, "receive in the end")
	truth.Start(waiting.Leaked)
	truth.Ready()
	if *clean {
		go sendAndTake(*every, 100*time.Second)
	} else {
		go sendOnly(*every)
	}
	select {}
}

func sendOnly(every time.Duration) {
	values := make(chan int)
	for i := 0; ; i++ {
		give(values, i)
		spin(every)
	}
}

func sendAndTake(every, after time.Duration) {
	values := make(chan int)
	start := time.Now()
	count := 0
	for time.Since(start) < after {
		give(values, count)
		count++
		spin(every)
	}
	for sum := 0; ; count-- {
		sum += <-values
	}
}

func give(values chan int, value int) {
	waiting.Coming()
	go func() { // seep: go here
		waiting.There()
		values <- value // seep: wait here
		waiting.Gone()
	}()
}

//go:noinline
func spin(every time.Duration) {
	for start := time.Now(); time.Since(start) < every; {
		total++
	}
}

var total int

// defer-then-return defers thousands of calls in one frame, stays so for a while, and returns. It does so
// again and again. Nothing leaks.
package main

import (
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

var pending truth.Tally

func main() {
	count := flag.Int("n", 5000, "deferred calls")
	pace := flag.Duration("pace", 0, "time between two of them")
	stay := flag.Duration("stay", time.Second, "time until they run")
	truth.Start(pending.Leaked)
	truth.Ready()
	for {
		batch(*count, *pace, *stay)
	}
}

func batch(count int, pace, stay time.Duration) {
	for i := 0; i < count; i++ {
		pending.Coming()
		defer pending.Gone() // seep: defer here
		pending.There()
		if pace > 0 {
			time.Sleep(pace)
		}
	}
	time.Sleep(stay)
}

// defer-recursion has one goroutine deep in a recursion, where each frame has deferred calls that the compiler
// keeps in the frame itself (open-coded): one always, one in every second frame only.
package main

import (
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

var always, sometimes truth.Tally

func main() {
	depth := flag.Int("depth", 200, "frames")
	truth.Start(func() truth.Fields {
		return truth.Fields{"always": always.Min(), "sometimes": sometimes.Min()}
	})
	descend(*depth)
}

//go:noinline
func descend(left int) int {
	always.Coming()
	defer always.Gone() // seep: defer always
	always.There()
	if left%2 == 0 {
		sometimes.Coming()
		defer sometimes.Gone() // seep: defer sometimes
		sometimes.There()
	}
	if left > 1 {
		return descend(left-1) + 1
	}
	truth.Ready()
	time.Sleep(time.Hour)
	return 0
}

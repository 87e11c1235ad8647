// tale-defer-fixed is tale-defer with the right idiom: the body of the loop is a function, so that what it
// defers runs each turn.
package main

import (
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

func main() {
	every := flag.Duration("every", 5*time.Millisecond, "time between two polls")
	truth.Start(pending.Leaked)
	go poll(&Database{}, *every)
	truth.Ready()
	select {}
}

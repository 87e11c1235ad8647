// tale-defer is an agent that polls a database for ever and defers the closing of each result. The deferred
// calls never run: the function that defers them never returns.
package main

import (
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

func main() {
	every := flag.Duration("every", 5*time.Millisecond, "time between two polls")
	truth.Start(pending.Leaked)
	go poll(&Database{}, *every) // seep: go here
	truth.Ready()
	select {}
}

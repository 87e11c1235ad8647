// tale-send is a metrics agent. It starts a goroutine for each value and each channel; when one of the
// three receivers has returned, every further goroutine for its channel waits for ever.
package main

import (
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

func main() {
	every := flag.Duration("every", 5*time.Millisecond, "time between two values")
	fails := flag.Int("fails-after", 20, "the last receiver returns after this many values")
	truth.Start(leaked)
	agent := NewAgent("disk", "network", "memory")
	go agent.receive(0, 0)
	go agent.receive(1, 0)
	go agent.receive(2, *fails)
	go agent.run(*every)
	truth.Ready()
	select {}
}

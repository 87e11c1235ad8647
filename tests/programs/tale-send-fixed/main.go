// tale-send-fixed is tale-send with the right idiom: a send that cannot block. A receiver that has returned
// costs its values and nothing else.
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

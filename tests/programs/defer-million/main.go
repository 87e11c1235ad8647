// defer-million has a great number of deferred calls pending in one frame. As it stands the frame will return
// one day, and they will run. With -forever the loop goes on, slowly, and never ends.
package main

import (
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

var pending truth.Tally

func main() {
	count := flag.Int("n", 1000000, "deferred calls")
	forever := flag.Bool("forever", false, "go on for ever")
	truth.Start(pending.Leaked)
	if *forever {
		pileForever(*count)
	}
	pile(*count)
}

func pile(count int) {
	for i := 0; i < count; i++ {
		pending.Coming()
		defer pending.Gone() // seep: defer pile
		pending.There()
	}
	truth.Ready()
	time.Sleep(time.Hour)
}

func pileForever(count int) {
	for i := 0; ; i++ {
		pending.Coming()
		defer pending.Gone() // seep: defer forever
		pending.There()
		if i == count {
			truth.Ready()
		}
		if i > count {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

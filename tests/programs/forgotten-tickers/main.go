// forgotten-tickers makes -n tickers and forgets them; with -stop it stops each first; with -keep they stay in a variable and are received from by one
// goroutine. With -once it is a time.After in a select that has another way out, with -later a call that time.AfterFunc puts off.
package main

import (
	"flag"
	"runtime"
	"time"

	"example.com/seep-tests/internal/truth"
)

var kept []*time.Ticker

//go:noinline
func serve(stop, keep bool) {
	ticker := time.NewTicker(time.Hour) // seep: made here
	if stop {
		defer ticker.Stop()
	}
	if keep {
		kept = append(kept, ticker)
	}
}

//go:noinline
func wait(done chan bool) {
	select {
	case <-done:
	case <-time.After(time.Hour):
	}
}

//go:noinline
func later(i int) {
	block := make([]byte, 1000)
	time.AfterFunc(time.Hour, func() { block[i%len(block)]++ })
}

func main() {
	n := flag.Int("n", 300, "how many")
	stop := flag.Bool("stop", false, "stop each")
	keep := flag.Bool("keep", false, "keep them in a variable")
	afterwards := flag.Bool("later", false, "calls that are put off")
	once := flag.Bool("once", false, "timers that go off once")
	truth.Start(func() truth.Fields { return truth.Fields{"tickers": *n} })
	done := make(chan bool)
	close(done)
	for i := 0; i < *n; i++ {
		if *once {
			wait(done)
		} else if *afterwards {
			later(i)
		} else {
			serve(*stop, *keep)
		}
	}
	runtime.GC()
	truth.Ready()
	time.Sleep(time.Hour)
	runtime.KeepAlive(kept)
}

// global-channel has a channel that a global variable leads to: by itself (-kind plain), as a field of a struct, in a
// map, behind a pointer, among others (-kind fan, as in a fan-out: each has a receiver, and the last one's goes), far behind in a slice
// (-kind wide). Its receiver takes it from the variable for each value, and keeps it nowhere. After -fails
// values it returns, and who sends then waits for ever; with -fails 0 it is only slow.
package main

import (
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

var waiting truth.Tally

// way is one way to keep a channel in a variable.
type way struct {
	send  func(value int)
	serve func(period time.Duration, fails int)
}

var ways = map[string]way{
	"plain":   {sendPlain, servePlain},
	"struct":  {sendStruct, serveStruct},
	"map":     {sendMap, serveMap},
	"pointer": {sendPointer, servePointer},
	"fan":     {sendFan, serveFan},
	"wide":    {sendWide, serveWide},
}

func main() {
	kind := flag.String("kind", "plain", "where the channel is kept")
	first := flag.Int("first", 0, "goroutines that send at once")
	every := flag.Duration("every", 2*time.Millisecond, "time between two more that send; 0: none")
	period := flag.Duration("period", time.Millisecond, "time that the receiver needs for a value")
	fails := flag.Int("fails", 20, "the receiver returns after so many values; 0: never")
	truth.Start(waiting.Leaked)
	use := ways[*kind]
	go use.serve(*period, *fails)
	for i := 0; i < *first; i++ {
		publish(use, i)
	}
	truth.Ready()
	for *every == 0 {
		time.Sleep(time.Hour)
	}
	for i := 0; ; i++ {
		publish(use, i)
		time.Sleep(*every)
	}
}

func publish(use way, value int) {
	waiting.Coming()
	go use.send(value)
}

// slow-receiver has thousands of goroutines that wait to send, because the receiver is slow. It lives: with
// each value that it takes, one goroutine ends and a new one comes. Nothing leaks.
package main

import (
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

var waiting truth.Tally

func main() {
	senders := flag.Int("senders", 5000, "goroutines that wait")
	period := flag.Duration("period", 20*time.Millisecond, "time that the receiver needs for a value")
	deep := flag.Bool("deep", false, "the receiver keeps the channel deep in its data")
	truth.Start(func() truth.Fields {
		return truth.Fields{"waiting_min": waiting.Min(), "waiting_max": waiting.Max()}
	})
	values := make(chan int)
	for i := 0; i < *senders; i++ {
		submit(values, i)
	}
	truth.Ready()
	if *deep {
		receiveDeep(&hub{rooms: []*room{{"a", nil}, {"b", values}}}, *period)
	}
	receive(values, *period)
}

type room struct {
	name   string
	values chan int
}

type hub struct{ rooms []*room }

func receiveDeep(from *hub, period time.Duration) {
	sum := 0
	for {
		time.Sleep(period)
		sum += <-from.rooms[1].values
		submit(from.rooms[1].values, sum)
	}
}

func submit(values chan int, value int) {
	waiting.Coming()
	go func() {
		waiting.There()
		values <- value
		waiting.Gone()
	}()
}

func receive(values chan int, period time.Duration) {
	sum := 0
	for {
		time.Sleep(period)
		sum += <-values
		submit(values, sum)
	}
}

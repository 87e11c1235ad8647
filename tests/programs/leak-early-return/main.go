// leak-early-return: a request asks a backend in a goroutine and stops to wait when its time is over. The
// goroutine then sends its result to nobody, for ever. With -clean the channel has room for the one result.
package main

import (
	"context"
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

var waiting truth.Tally

func main() {
	every := flag.Duration("every", 2*time.Millisecond, "time between two requests")
	clean := flag.Bool("clean", false, "use the right idiom")
	truth.Start(waiting.Leaked)
	truth.Ready()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		if *clean {
			lookupClean(ctx)
		} else {
			lookup(ctx)
		}
		cancel()
		time.Sleep(*every)
	}
}

func lookup(ctx context.Context) (string, error) {
	result := make(chan string)
	waiting.Coming()
	go func() { // seep: go here
		answer := backend()
		waiting.There()
		result <- answer // seep: wait here
		waiting.Gone()
	}()
	select {
	case answer := <-result:
		return answer, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func lookupClean(ctx context.Context) (string, error) {
	result := make(chan string, 1)
	waiting.Coming()
	go func() {
		answer := backend()
		waiting.There()
		result <- answer
		waiting.Gone()
	}()
	select {
	case answer := <-result:
		return answer, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// backend takes longer than anybody waits.
//
//go:noinline
func backend() string {
	time.Sleep(10 * time.Millisecond)
	return "answer"
}

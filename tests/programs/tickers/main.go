// tickers has a thousand goroutines that each wait in a select for their ticker or for the end.
package main

import (
	"context"
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

func main() {
	count := flag.Int("n", 1000, "goroutines")
	period := flag.Duration("period", time.Second, "time between two ticks of one")
	truth.Start(nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for i := 0; i < *count; i++ {
		go refresh(ctx, *period+time.Duration(i)*time.Millisecond)
	}
	truth.Ready()
	time.Sleep(time.Hour)
}

func refresh(ctx context.Context, period time.Duration) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	turns := 0
	for {
		select {
		case <-ticker.C:
			turns++
		case <-ctx.Done():
			return
		}
	}
}

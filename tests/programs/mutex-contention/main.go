// mutex-contention has hundreds of goroutines that want the same mutex. Each gets it in its turn.
package main

import (
	"flag"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

func main() {
	count := flag.Int("n", 500, "goroutines")
	hold := flag.Duration("hold", 2*time.Millisecond, "time that each keeps the mutex")
	truth.Start(nil)
	var mu sync.Mutex
	for i := 0; i < *count; i++ {
		go use(&mu, *hold)
	}
	truth.Ready()
	time.Sleep(time.Hour)
}

func use(mu *sync.Mutex, hold time.Duration) {
	for {
		mu.Lock()
		time.Sleep(hold)
		mu.Unlock()
	}
}

// pool-workers is a pool of workers that wait for jobs on one channel. Jobs come now and then.
package main

import (
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

func main() {
	count := flag.Int("n", 10000, "workers")
	every := flag.Duration("every", 100*time.Millisecond, "time between two jobs; 0 for none at all")
	truth.Start(nil)
	jobs := make(chan int)
	for i := 0; i < *count; i++ {
		go work(jobs)
	}
	truth.Ready()
	for job := 0; ; job++ {
		if *every == 0 {
			time.Sleep(time.Hour)
		}
		jobs <- job
		time.Sleep(*every)
	}
}

func work(jobs chan int) {
	sum := 0
	for job := range jobs {
		sum += job
	}
}

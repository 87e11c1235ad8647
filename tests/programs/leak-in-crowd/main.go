// leak-in-crowd: a slow leak of the kind of leak-early-return in a program that has thousands of goroutines
// waiting for good reasons: a pool of workers and requests that come and go. With -every 0 nothing leaks.
package main

import (
	"flag"
	"time"

	"example.com/seep-tests/internal/truth"
)

var waiting truth.Tally

func main() {
	every := flag.Duration("every", 10*time.Millisecond, "time between two leaks; 0 for none")
	workers := flag.Int("workers", 5000, "goroutines that wait for jobs")
	truth.Start(waiting.Leaked)
	jobs := make(chan int)
	for i := 0; i < *workers; i++ {
		go worker(jobs)
	}
	go churn()
	truth.Ready()
	for turn := 0; ; turn++ {
		jobs <- turn
		if *every == 0 {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		lookup()
		time.Sleep(*every)
	}
}

func worker(jobs chan int) {
	sum := 0
	for job := range jobs {
		sum += job
	}
}

// churn starts requests that are answered a little later.
func churn() {
	for {
		answer := make(chan int)
		go func() { answer <- 1 }()
		go func() {
			time.Sleep(100 * time.Millisecond)
			<-answer
		}()
		time.Sleep(time.Millisecond)
	}
}

func lookup() {
	result := make(chan string)
	waiting.Coming()
	go func() { // seep: go here
		waiting.There()
		result <- "too late" // seep: wait here
		waiting.Gone()
	}()
}

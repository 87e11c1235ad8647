// small is one of many small programs on a machine: a few goroutines and little memory. It prints one line
// when it is up.
package main

import (
	"flag"
	"fmt"
	"time"
)

func main() {
	life := flag.Duration("life", 10*time.Minute, "the program ends by itself after this long")
	flag.Parse()
	for i := 0; i < 4; i++ {
		go func() {
			for range time.Tick(10 * time.Second) {
			}
		}()
	}
	fmt.Println(`{"event":"ready"}`)
	time.Sleep(*life)
}

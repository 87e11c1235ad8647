// leak-rwmutex: one reader forgets RUnlock, so the next writer waits for ever, and all readers after it too.
// With -clean the unlocking is deferred.
package main

import (
	"flag"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

var waiting truth.Tally

// Config is read by many and written by few.
type Config struct {
	mu    sync.RWMutex
	value int
}

func main() {
	every := flag.Duration("every", 2*time.Millisecond, "time between two requests")
	clean := flag.Bool("clean", false, "use the right idiom")
	truth.Start(waiting.Leaked)
	truth.Ready()
	config := &Config{}
	for turn := 0; ; turn++ {
		waiting.Coming()
		if *clean {
			go config.readClean(turn%10 == 9)
		} else {
			go config.read(turn%10 == 9) // seep: go here
		}
		if turn%20 == 19 {
			go config.write(turn)
		}
		time.Sleep(*every)
	}
}

func (c *Config) read(fails bool) int {
	waiting.There()
	c.mu.RLock() // seep: wait here
	waiting.Gone()
	if fails {
		return 0
	}
	value := c.value
	c.mu.RUnlock()
	return value
}

func (c *Config) readClean(fails bool) int {
	waiting.There()
	c.mu.RLock()
	defer c.mu.RUnlock()
	waiting.Gone()
	if fails {
		return 0
	}
	return c.value
}

func (c *Config) write(value int) {
	c.mu.Lock()
	c.value = value
	c.mu.Unlock()
}

// leak-mutex: an early return forgets to unlock a mutex. All later requests wait for it for ever. With -clean
// the unlocking is deferred.
package main

import (
	"errors"
	"flag"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

var waiting truth.Tally

// Store holds values by key.
type Store struct {
	mu     sync.Mutex
	values map[string]int
}

var errKey = errors.New("no such key")

func main() {
	every := flag.Duration("every", 2*time.Millisecond, "time between two requests")
	clean := flag.Bool("clean", false, "use the right idiom")
	truth.Start(waiting.Leaked)
	truth.Ready()
	store := &Store{values: map[string]int{"known": 1}}
	for turn := 0; ; turn++ {
		key := "known"
		if turn%10 == 9 {
			key = "unknown"
		}
		waiting.Coming()
		if *clean {
			go store.updateClean(key)
		} else {
			go store.update(key) // seep: go here
		}
		time.Sleep(*every)
	}
}

func (s *Store) update(key string) error {
	waiting.There()
	s.mu.Lock() // seep: wait here
	waiting.Gone()
	if _, known := s.values[key]; !known {
		return errKey
	}
	s.values[key]++
	s.mu.Unlock()
	return nil
}

func (s *Store) updateClean(key string) error {
	waiting.There()
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting.Gone()
	if _, known := s.values[key]; !known {
		return errKey
	}
	s.values[key]++
	return nil
}

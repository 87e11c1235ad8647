package waits

import (
	"bytes"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

// ID is the number of the goroutine that calls it.
func ID() int64 {
	var buffer [64]byte
	text := buffer[:runtime.Stack(buffer[:], false)]
	number := bytes.Fields(text)[1] // goroutine 17 [running]:
	id, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil {
		panic(err)
	}
	return id
}

// Record is who waits, by name. It knows goroutines by their numbers, and nothing that leads to what they wait for.
type Record struct {
	mu  sync.Mutex
	ids map[string][]int64
}

// Waiters are those that Go started.
var Waiters Record

// Add puts down that the calling goroutine is about to wait.
func (r *Record) Add(name string) int64 {
	id := ID()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil {
		r.ids = map[string][]int64{}
	}
	r.ids[name] = append(r.ids[name], id)
	return id
}

// IDs are all numbers, by name.
func (r *Record) IDs() map[string][]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := map[string][]int64{}
	for name, list := range r.ids {
		ids[name] = append([]int64(nil), list...)
	}
	return ids
}

// Count is how many there are.
func (r *Record) Count() int {
	count := 0
	for _, list := range r.IDs() {
		count += len(list)
	}
	return count
}

// Go starts a goroutine that waits, and says when it begins and when it was woken.
func Go(name string, wait func()) {
	go func() {
		id := Begin(name)
		wait()
		Woken(name, id)
	}()
}

// asleep are those who wait now.
var asleep struct {
	sync.Mutex
	names map[int64]string
}

// Asleep are the names of those who have begun to wait and were not woken.
func Asleep() map[int64]string {
	asleep.Lock()
	defer asleep.Unlock()
	names := map[int64]string{}
	for id, name := range asleep.names {
		names[id] = name
	}
	return names
}

// Begin says that the calling goroutine is about to wait.
func Begin(name string) int64 {
	id := Waiters.Add(name)
	asleep.Lock()
	defer asleep.Unlock()
	if asleep.names == nil {
		asleep.names = map[int64]string{}
	}
	asleep.names[id] = name
	return id
}

// Woken says that a goroutine runs again.
func Woken(name string, id int64) {
	asleep.Lock()
	delete(asleep.names, id)
	asleep.Unlock()
	truth.Event("woken", truth.Fields{"name": name, "id": id})
}

// AtRest returns when so many have begun to wait, and each was seen to wait.
func AtRest(count int) {
	seen := map[int64]bool{}
	for Waiters.Count() < count || !allSeen(seen) {
		time.Sleep(10 * time.Millisecond)
	}
}

func allSeen(seen map[int64]bool) bool {
	known := Asleep()
	for id, state := range states(stacks()) {
		if state != "running" && state != "runnable" {
			seen[id] = true
		}
	}
	for id := range known {
		if !seen[id] {
			return false
		}
	}
	return true
}

func stacks() string {
	for size := 1 << 20; ; size *= 2 {
		buffer := make([]byte, size)
		if n := runtime.Stack(buffer, true); n < size {
			return string(buffer[:n])
		}
	}
}

// states are what all goroutines of a dump do, by their numbers.
func states(dump string) map[int64]string {
	states := map[int64]string{}
	for _, line := range strings.Split(dump, "\n") {
		if !strings.HasPrefix(line, "goroutine ") || !strings.HasSuffix(line, "]:") {
			continue
		}
		words := strings.SplitN(strings.TrimSuffix(line, "]:"), " ", 3)
		if id, err := strconv.ParseInt(words[1], 10, 64); err == nil {
			states[id] = strings.TrimPrefix(words[2], "[")
		}
	}
	return states
}

// Verdict is what Go's own profile of leaked goroutines says: their numbers, and false if this Go has none.
func Verdict() ([]int64, bool) {
	profile := pprof.Lookup("goroutineleak")
	if profile == nil {
		return nil, false
	}
	var text bytes.Buffer
	if err := profile.WriteTo(&text, 2); err != nil {
		panic(err)
	}
	leaked := []int64{}
	for id, state := range states(text.String()) {
		if strings.Contains(state, "(leaked)") {
			leaked = append(leaked, id)
		}
	}
	return leaked, true
}

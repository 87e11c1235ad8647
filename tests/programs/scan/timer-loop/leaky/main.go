// timer-loop/leaky: goroutines, one for each turn of a loop or for each request, that do something now and then
// and have no way out.
package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"time"
)

const interval = 20 * time.Millisecond

var handled int64

func main() {
	poller := &poller{changed: make(chan string)}
	mux := http.NewServeMux()
	mux.HandleFunc("/follow", follow)
	mux.HandleFunc("/poll", poller.poll)

	report("follow", func() { get(mux, "/follow?topic=weather") })
	report("monitor", func() { monitor([]string{"db-1"}) })
	report("poll", func() { get(mux, "/poll") })
	report("announce", func() { announce([]string{"node-1"}, make(chan time.Time, 1)) })
	report("reconnect", func() { reconnect([]string{"db-1"}, time.Millisecond) })
	report("keepFresh", func() { keepFresh(map[string]int{"a": 1}, func(n int) { handle(n) }) })
}

// follow starts a ticker for each request.
func follow(w http.ResponseWriter, r *http.Request) {
	topic := r.FormValue("topic")
	go func() { // scan: timer-loop go
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for range ticker.C { // scan: timer-loop at
			handle(len(topic))
		}
	}()
	fmt.Fprintln(w, "following", topic)
}

// monitor starts a function for each host.
func monitor(hosts []string) {
	for _, host := range hosts {
		go ping(host) // scan: timer-loop go
	}
}

func ping(host string) {
	for {
		handle(len(host))
		time.Sleep(interval) // scan: timer-loop at
	}
}

type poller struct{ changed chan string }

// poll starts a method that waits for two things, of which none is the end.
func (p *poller) poll(w http.ResponseWriter, r *http.Request) {
	go p.refresh(r.URL.Path) // scan: timer-loop go
	w.WriteHeader(http.StatusNoContent)
}

func (p *poller) refresh(path string) {
	for {
		select { // scan: timer-loop at
		case <-time.After(interval):
			handle(len(path))
		case key := <-p.changed:
			handle(len(key))
		}
	}
}

// announce ticks in a closure within a closure, and never blocks when it sends.
func announce(nodes []string, announced chan time.Time) {
	for _, node := range nodes {
		node := node
		start := func() {
			go func() { // scan: timer-loop go
				for now := range time.Tick(interval) { // scan: timer-loop at
					select {
					case announced <- now:
					default:
						handle(len(node))
					}
				}
			}()
		}
		start()
	}
}

// reconnect changes the variable that its goroutines share, and sets the timer anew in each turn.
func reconnect(hosts []string, pause time.Duration) {
	if pause < interval {
		pause = interval
	}
	for number := range hosts {
		go func(host string) { // scan: timer-loop go
			timer := time.NewTimer(pause)
			for {
				<-timer.C // scan: timer-loop at
				if host != "" {
					handle(len(host))
				}
				timer.Reset(pause)
			}
		}(hosts[number])
	}
}

// keepFresh does it for items of any type.
func keepFresh[T any](items map[string]T, load func(T)) {
	for _, item := range items {
		go func(item T) { // scan: timer-loop go
			for {
				load(item)
				time.Sleep(interval) // scan: timer-loop at
			}
		}(item)
	}
}

//go:noinline
func handle(order int) { atomic.AddInt64(&handled, int64(order)) }

func get(handler http.Handler, path string) {
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
}

// report calls the function often, waits until no more goroutines end, and says how many of them are left.
func report(function string, call func()) {
	before := runtime.NumGoroutine()
	for i := 0; i < 20; i++ {
		call()
	}
	left := runtime.NumGoroutine() - before
	for same := 0; same < 20; same++ {
		time.Sleep(10 * time.Millisecond)
		if now := runtime.NumGoroutine() - before; now != left {
			left, same = now, 0
		}
	}
	fmt.Printf("{\"function\":%q,\"goroutines_left\":%d}\n", function, left)
}

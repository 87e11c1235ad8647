// timer-loop/clean: goroutines that do something now and then, and end with what they do it for; and two that
// belong to the program and are started once.
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const interval = time.Millisecond

var handled int64

func main() {
	go reportLoad("main")
	startSweeper()
	poller := &poller{changed: make(chan string)}
	mux := http.NewServeMux()
	mux.HandleFunc("/follow", follow)
	mux.HandleFunc("/poll", poller.poll)
	mux.HandleFunc("/wait", waitFor)

	report("reportLoad", func() { time.Sleep(interval) })
	report("startSweeper", startSweeper)
	report("follow", func() { get(mux, "/follow?topic=weather") })
	report("monitor", func() { monitor([]string{"db-1", "db-2"}) })
	report("poll", func() { get(mux, "/poll") })
	report("announce", func() { announce([]string{"node-1"}) })
	report("reconnect", func() { reconnect([]string{"db-1"}, 0) })
	report("keepFresh", func() { keepFresh(map[string]int{"a": 1}, func(n int) bool { return handle(n) > 0 })() })
	report("waitFor", func() { get(mux, "/wait") })
	report("expire", func() { expire([]string{"ann", "bob"}) })
}

// reportLoad never ends, and there is one.
func reportLoad(name string) {
	ticker := time.NewTicker(interval)
	for range ticker.C {
		handle(len(name))
	}
}

var sweeper sync.Once

// startSweeper is called often, and starts its goroutine the first time.
func startSweeper() {
	sweeper.Do(func() {
		go func() {
			for {
				time.Sleep(interval)
				handle(1)
			}
		}()
	})
}

// follow ends with its request.
func follow(w http.ResponseWriter, r *http.Request) {
	topic := r.FormValue("topic")
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				handle(len(topic))
			}
		}
	}()
	fmt.Fprintln(w, "following", topic)
}

// monitor closes a channel when it returns.
func monitor(hosts []string) {
	done := make(chan struct{})
	defer close(done)
	for _, host := range hosts {
		go ping(host, done)
	}
	time.Sleep(interval)
}

func ping(host string, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
		}
		handle(len(host))
		time.Sleep(interval)
	}
}

type poller struct{ changed chan string }

// poll starts a method that gives up after a while.
func (p *poller) poll(w http.ResponseWriter, r *http.Request) {
	go p.refresh(r.URL.Path, time.Now().Add(3*interval))
	w.WriteHeader(http.StatusNoContent)
}

func (p *poller) refresh(path string, until time.Time) {
	for {
		select {
		case now := <-time.After(interval):
			if now.After(until) {
				return
			}
			handle(len(path))
		case key := <-p.changed:
			handle(len(key))
		}
	}
}

// announce has a number of turns.
func announce(nodes []string) {
	for _, node := range nodes {
		node := node
		start := func() {
			go func() {
				turn := 0
				for range time.Tick(interval) {
					handle(len(node))
					turn++
					if turn == 3 {
						break
					}
				}
			}()
		}
		start()
	}
}

// reconnect tries until it succeeds.
func reconnect(hosts []string, pause time.Duration) {
	if pause < interval {
		pause = interval
	}
	for number := range hosts {
		go func(host string) {
			timer := time.NewTimer(pause)
			for {
				<-timer.C
				if handle(len(host)) > 0 {
					return
				}
				timer.Reset(pause)
			}
		}(hosts[number])
	}
}

// keepFresh returns the function that stops it.
func keepFresh[T any](items map[string]T, load func(T) bool) func() {
	var stopped int32
	for _, item := range items {
		go func(item T) {
			for atomic.LoadInt32(&stopped) == 0 {
				load(item)
				time.Sleep(interval)
			}
		}(item)
	}
	return func() { atomic.StoreInt32(&stopped, 1) }
}

// waitFor looks now and then itself, without a goroutine.
func waitFor(w http.ResponseWriter, r *http.Request) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for range ticker.C {
		if handle(1) > 0 {
			break
		}
	}
	fmt.Fprintln(w, "ready")
}

// expire sleeps once in each goroutine, and the loop is around them.
func expire(users []string) {
	for {
		for _, user := range users {
			go func(user string) {
				time.Sleep(interval)
				handle(len(user))
			}(user)
		}
		if handle(1) > 0 {
			return
		}
		time.Sleep(interval)
	}
}

//go:noinline
func handle(order int) int64 { return atomic.AddInt64(&handled, int64(order)) }

func get(handler http.Handler, path string) {
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
}

// report calls the function often, waits until its goroutines have ended, and says how many of them are left.
func report(function string, call func()) {
	before := runtime.NumGoroutine()
	for i := 0; i < 20; i++ {
		call()
	}
	left := runtime.NumGoroutine() - before
	for patience := 3000; left > 0 && patience > 0; patience-- {
		time.Sleep(10 * time.Millisecond)
		left = runtime.NumGoroutine() - before
	}
	fmt.Printf("{\"function\":%q,\"goroutines_left\":%d}\n", function, left)
}

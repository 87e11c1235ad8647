// lost-cancel/leaky: a context that nobody can cancel any more, because the function for it is thrown away, and a
// goroutine that waits for it to be cancelled.
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"time"
)

var handled int64

func main() {
	service := &service{updates: make(chan string)}
	mux := http.NewServeMux()
	mux.HandleFunc("/stream", service.stream)
	life, end := context.WithCancel(context.Background())
	defer end()

	report("watch", func() { watch(life, "/etc/hosts") })
	report("stream", func() { get(mux, "/stream?client=ann") })
	report("join", func() { join(life, "node-1") })
	report("refresh", func() { refresh(life, "ann") })
	report("connect", func() { connect(life, "db-1") })
	report("consume", func() { consume(life, make(chan int), func(n int) { handle(n) }) })
}

// watch waits for nothing but the context.
func watch(parent context.Context, path string) {
	ctx, _ := context.WithCancel(parent) // scan: lost-cancel at
	go func() {
		<-ctx.Done()
		handle(len(path))
	}()
}

type service struct{ updates chan string }

// stream takes a context for each request that does not end with it.
func (s *service) stream(w http.ResponseWriter, r *http.Request) {
	client := r.FormValue("client")
	ctx, _ := context.WithCancel(context.Background()) // scan: lost-cancel at
	go s.push(ctx, client)
	fmt.Fprintln(w, "hello", client)
}

func (s *service) push(ctx context.Context, client string) {
	for {
		select {
		case <-ctx.Done():
			return
		case update := <-s.updates:
			handle(len(client) + len(update))
		}
	}
}

// join names the function, and that is all it does with it.
func join(parent context.Context, node string) {
	ctx, leave := context.WithCancel(parent) // scan: lost-cancel at
	_ = leave
	go heartbeat(ctx, node)
}

func heartbeat(ctx context.Context, node string) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			handle(len(node))
		case <-ctx.Done():
			return
		}
	}
}

type userKey struct{}

// refresh has a closure within a closure, and changes its context after both, so that they share the variable.
func refresh(ctx context.Context, user string) {
	start := func(each func()) {
		go func() {
			<-ctx.Done()
			each()
		}()
	}
	ctx = context.WithValue(ctx, userKey{}, user)
	ctx, _ = context.WithCancel(ctx) // scan: lost-cancel at
	start(func() { handle(len(user)) })
}

type connection struct {
	ctx  context.Context
	host string
}

// connect keeps the context in a struct, and not the function.
func connect(parent context.Context, host string) *connection {
	ctx, _ := context.WithCancel(parent) // scan: lost-cancel at
	connection := &connection{ctx, host}
	go connection.run()
	return connection
}

func (c *connection) run() {
	<-c.ctx.Done()
	handle(len(c.host))
}

// consume does it for values of any type.
func consume[T any](parent context.Context, source <-chan T, each func(T)) {
	ctx, _ := context.WithCancel(parent) // scan: lost-cancel at
	go func() {
		for {
			select {
			case item := <-source:
				each(item)
			case <-ctx.Done():
				return
			}
		}
	}()
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

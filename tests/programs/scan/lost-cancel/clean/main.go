// lost-cancel/clean: a goroutine waits for its context to be cancelled, and somebody can do that, and does.
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

var handled int64

func main() {
	service := &service{updates: make(chan string), clients: map[string]context.CancelFunc{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/stream", service.stream)
	mux.HandleFunc("/show", service.show)
	life, end := context.WithCancel(context.Background())
	defer end()

	report("watch", func() { watch(life, "/etc/hosts") })
	report("stream", func() { get(mux, "/stream?client=ann"); service.drop("ann") })
	report("show", func() { get(mux, "/show?client=bob") })
	report("join", func() { leave := join(life, "node-1"); leave() })
	report("refresh", func() { refresh(life, "ann") })
	report("connect", func() { connect(life, "db-1").close() })
	report("consume", func() { consume(life, make(chan int), func(n int) { handle(n) }) })
	report("open", func() {
		if connection := open(life, "db-2"); connection != nil {
			connection.close()
		}
	})
	report("remind", func() { remind(life, "ann") })
}

// watch cancels when it returns.
func watch(parent context.Context, path string) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	go func() {
		<-ctx.Done()
		handle(len(path))
	}()
}

type service struct {
	lock    sync.Mutex
	updates chan string
	clients map[string]context.CancelFunc
}

// stream keeps the function in a map, for whoever drops the client.
func (s *service) stream(w http.ResponseWriter, r *http.Request) {
	client := r.FormValue("client")
	ctx, cancel := context.WithCancel(context.Background())
	s.lock.Lock()
	s.clients[client] = cancel
	s.lock.Unlock()
	go s.push(ctx, client)
	fmt.Fprintln(w, "hello", client)
}

func (s *service) drop(client string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.clients[client]()
	delete(s.clients, client)
}

// show cancels before it writes its answer.
func (s *service) show(w http.ResponseWriter, r *http.Request) {
	client := r.FormValue("client")
	ctx, cancel := context.WithCancel(r.Context())
	go s.push(ctx, client)
	handle(len(client))
	cancel()
	fmt.Fprintln(w, "goodbye", client)
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

// join returns the function.
func join(parent context.Context, node string) context.CancelFunc {
	ctx, leave := context.WithCancel(parent)
	go heartbeat(ctx, node)
	return leave
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

// refresh passes the function on.
func refresh(ctx context.Context, user string) {
	start := func(each func()) {
		go func() {
			<-ctx.Done()
			each()
		}()
	}
	ctx = context.WithValue(ctx, userKey{}, user)
	ctx, cancel := context.WithCancel(ctx)
	start(func() { handle(len(user)) })
	finish(user, cancel)
}

//go:noinline
func finish(user string, cancel func()) {
	handle(len(user))
	cancel()
}

type connection struct {
	ctx    context.Context
	cancel context.CancelFunc
	host   string
}

// connect keeps the function in a struct.
func connect(parent context.Context, host string) *connection {
	ctx, cancel := context.WithCancel(parent)
	connection := &connection{ctx, cancel, host}
	go connection.run()
	return connection
}

func (c *connection) run() {
	<-c.ctx.Done()
	handle(len(c.host))
}

func (c *connection) close() { c.cancel() }

// consume cancels in another goroutine.
func consume[T any](parent context.Context, source <-chan T, each func(T)) {
	ctx, cancel := context.WithCancel(parent)
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
	go func() {
		defer cancel()
		handle(1)
	}()
}

var opened int64

// open cancels if it fails, and keeps the function otherwise.
func open(parent context.Context, host string) *connection {
	ctx, cancel := context.WithCancel(parent)
	go heartbeat(ctx, host)
	if atomic.AddInt64(&opened, 1)%2 == 0 {
		cancel()
		return nil
	}
	return &connection{ctx, cancel, host}
}

// remind cancels by a timer.
func remind(parent context.Context, user string) {
	ctx, cancel := context.WithCancel(parent)
	go func() {
		<-ctx.Done()
		handle(len(user))
	}()
	time.AfterFunc(time.Millisecond, cancel)
}

//go:noinline
func handle(order int) { atomic.AddInt64(&handled, int64(order)) }

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

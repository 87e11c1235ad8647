// fan-out-send/leaky: a goroutine for each turn of a loop, or for each request, that sends on a channel which its
// starter did not make, and has no way out. Here nobody receives, and all of them stay.
package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"time"
)

func main() {
	uploads := &uploads{jobs: make(chan job)}
	mux := http.NewServeMux()
	mux.HandleFunc("/upload", uploads.accept)
	mux.HandleFunc("/login", login)

	report("broadcast", func() { broadcast([]chan string{make(chan string)}, "shutdown") })
	report("publish", func() { newHub().publish("price", 12.5) })
	report("accept", func() { get(mux, "/upload?name=report.pdf") })
	report("login", func() { get(mux, "/login?user=ann") })
	report("notify", func() { notify(map[string]chan float64{"north": make(chan float64)}, 0.5) })
	report("refresh", func() { refresh([]string{"/index.html"}, make(chan page), len(auditLog) == 0) })
}

// broadcast reaches for the channel in the goroutine.
func broadcast(channels []chan string, message string) {
	for i := range channels {
		go func(i int) { // scan: fan-out-send go
			channels[i] <- message // scan: fan-out-send at
		}(i)
	}
}

type event struct {
	topic string
	value float64
	at    time.Time
}

type hub struct{ subscribers []chan event }

func newHub() *hub { return &hub{subscribers: []chan event{make(chan event)}} }

// publish hands the channel on to a method.
func (h *hub) publish(topic string, value float64) {
	for _, subscriber := range h.subscribers {
		go h.deliver(subscriber, event{topic, value, time.Now()}) // scan: fan-out-send go
	}
}

func (h *hub) deliver(subscriber chan<- event, event event) {
	subscriber <- event // scan: fan-out-send at
}

type job struct {
	name string
	size int64
}

type uploads struct{ jobs chan job }

// accept answers at once and leaves the queue to a goroutine.
func (u *uploads) accept(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("name")
	if name == "" {
		http.Error(w, "no name", http.StatusBadRequest)
		return
	}
	go func() { // scan: fan-out-send go
		u.jobs <- job{name: name, size: r.ContentLength} // scan: fan-out-send at
	}()
	w.WriteHeader(http.StatusAccepted)
}

var auditLog = make(chan string)

// login writes to a channel of the whole program.
func login(w http.ResponseWriter, r *http.Request) {
	go audit(r.FormValue("user"), r.RemoteAddr) // scan: fan-out-send go
	fmt.Fprintln(w, "welcome")
}

func audit(user, from string) {
	line := fmt.Sprintf("%s from %s", user, from)
	auditLog <- line // scan: fan-out-send at
}

// notify does it for channels of any type.
func notify[T any](targets map[string]chan T, value T) {
	for _, target := range targets {
		target := target
		go func() { // scan: fan-out-send go
			target <- value // scan: fan-out-send at
		}()
	}
}

type page struct {
	path string
	body []byte
	err  error
}

var discarded = make(chan page)

// refresh changes the variable of the channel, so that goroutines share it.
func refresh(paths []string, results chan<- page, quiet bool) {
	if quiet {
		results = discarded
	}
	for _, path := range paths {
		go func(path string) { // scan: fan-out-send go
			body, err := load(path)
			results <- page{path, body, err} // scan: fan-out-send at
		}(path)
	}
}

//go:noinline
func load(path string) ([]byte, error) {
	time.Sleep(time.Millisecond)
	return []byte(path), nil
}

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

// fan-out-send/clean: a goroutine for each turn of a loop, or for each request, that sends and always gets rid of
// what it has.
package main

import (
	"context"
	"errors"
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
	report("publish", func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		newHub().publish(ctx, "price", 12.5)
		<-ctx.Done()
	})
	report("accept", func() { get(mux, "/upload?name=report.pdf") })
	report("login", func() { get(mux, "/login?user=ann") })
	report("first", func() { first([]string{"/index.html", "/", "/about.html"}) })
	report("refresh", func() { refresh([]string{"/index.html", "/", "/about.html"}) })
	report("collect", func() { (&pool{results: make(chan page)}).collect([]string{"a", "b", "c"}) })
	report("prepare", func() { prepare("settings") })
	report("gather", func() { gather([]int{1, 2, 3}, func(n int) string { return fmt.Sprint(n) }) })
}

// broadcast drops the message if nobody is there to take it.
func broadcast(channels []chan string, message string) {
	for i := range channels {
		go func(i int) {
			select {
			case channels[i] <- message:
			default:
			}
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

// publish gives up with its context.
func (h *hub) publish(ctx context.Context, topic string, value float64) {
	for _, subscriber := range h.subscribers {
		go h.deliver(ctx, subscriber, event{topic, value, time.Now()})
	}
}

func (h *hub) deliver(ctx context.Context, subscriber chan<- event, event event) {
	select {
	case subscriber <- event:
	case <-ctx.Done():
	}
}

type job struct {
	name string
	size int64
}

type uploads struct{ jobs chan job }

// accept waits for the queue no longer than a moment.
func (u *uploads) accept(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("name")
	go func() {
		patience := time.NewTimer(time.Millisecond)
		defer patience.Stop()
		select {
		case u.jobs <- job{name: name, size: r.ContentLength}:
		case <-patience.C:
		}
	}()
	w.WriteHeader(http.StatusAccepted)
}

var auditLog = make(chan string)

// login ends what its goroutine waits for when the answer is written.
func login(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go audit(ctx, r.FormValue("user"), r.RemoteAddr)
	fmt.Fprintln(w, "welcome")
}

func audit(ctx context.Context, user, from string) {
	line := fmt.Sprintf("%s from %s", user, from)
	select {
	case <-ctx.Done():
	case auditLog <- line:
	}
}

type page struct {
	path string
	body []byte
	err  error
}

// first returns with one result, and there is room for the others.
func first(mirrors []string) page {
	results := make(chan page, len(mirrors))
	for _, mirror := range mirrors {
		mirror := mirror
		go func() {
			body, err := load(mirror)
			results <- page{mirror, body, err}
		}()
	}
	return <-results
}

// refresh receives as often as it has started.
func refresh(paths []string) (pages []page) {
	results := make(chan page)
	for _, path := range paths {
		go func(path string) {
			body, err := load(path)
			results <- page{path, body, err}
		}(path)
	}
	for range paths {
		pages = append(pages, <-results)
	}
	return pages
}

type pool struct{ results chan page }

// collect does the same with a channel that is kept in a struct.
func (p *pool) collect(paths []string) (size int) {
	for _, path := range paths {
		go p.fetch(path)
	}
	for i := 0; i < len(paths); i++ {
		page := <-p.results
		size += len(page.body)
	}
	return size
}

func (p *pool) fetch(path string) {
	body, err := load(path)
	p.results <- page{path, body, err}
}

var errMissing = errors.New("missing")

// prepare has room for all it starts, and leaves with the first error.
func prepare(path string) error {
	errs := make(chan error, 3)
	for step := 0; step < 3; step++ {
		step := step
		go func() {
			if _, err := load(fmt.Sprint(path, step)); err != nil {
				errs <- err
				return
			}
			errs <- nil
		}()
	}
	for step := 0; step < 3; step++ {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// gather does it for values of any type.
func gather[T, R any](items []T, work func(T) R) []R {
	results := make(chan R)
	for _, item := range items {
		go func(item T) { results <- work(item) }(item)
	}
	gathered := make([]R, 0, len(items))
	for len(gathered) < len(items) {
		gathered = append(gathered, <-results)
	}
	return gathered
}

//go:noinline
func load(path string) ([]byte, error) {
	time.Sleep(time.Millisecond)
	if path == "/about.html" || path == "settings1" {
		return nil, errMissing
	}
	return []byte(path), nil
}

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

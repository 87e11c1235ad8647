// range-never-closed/leaky: goroutines that range over a channel, which is made where they are started and goes
// nowhere else, and nobody closes it.
package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var done int64

func main() {
	site := &site{name: "news"}
	mux := http.NewServeMux()
	mux.HandleFunc("/feed", site.feed)

	report("process", func() { process([]int{1, 2, 3, 4, 5}) })
	report("resize", func() { resize([]string{"beach.jpg", "sea.jpg"}) })
	report("validate", func() { validate([]string{"name", "", "street"}) })
	report("feed", func() { get(mux, "/feed") })
	report("watch", func() { watch("/etc/hosts") })
	report("mapAll", func() { mapAll([]int{1, 2, 3}, func(n int) string { return fmt.Sprint(n) }) })
}

// process hands out its orders and goes.
func process(orders []int) {
	queue := make(chan int)
	for worker := 0; worker < 3; worker++ {
		go func() { // scan: range-never-closed go
			for order := range queue { // scan: range-never-closed at
				handle(order)
			}
		}()
	}
	for _, order := range orders {
		queue <- order
	}
}

type image struct {
	path          string
	width, height int
}

// resize waits for the work, and not for the worker.
func resize(paths []string) {
	var wg sync.WaitGroup
	images := make(chan image, 4)
	go scale(images, &wg) // scan: range-never-closed go
	for _, path := range paths {
		wg.Add(1)
		images <- image{path, 640, 480}
	}
	wg.Wait()
}

func scale(images <-chan image, wg *sync.WaitGroup) {
	for image := range images { // scan: range-never-closed at
		handle(image.width * image.height)
		wg.Done()
	}
}

// validate collects errors on the side.
func validate(fields []string) int64 {
	var failed int64
	errs := make(chan error)
	go func() { // scan: range-never-closed go
		for err := range errs { // scan: range-never-closed at
			handle(len(err.Error()))
			atomic.AddInt64(&failed, 1)
		}
	}()
	for number, field := range fields {
		if field == "" {
			errs <- fmt.Errorf("field %d is empty", number)
		}
	}
	return atomic.LoadInt64(&failed)
}

type site struct{ name string }

type entry struct {
	topic, text string
	at          time.Time
}

// feed starts a method for each request.
func (s *site) feed(w http.ResponseWriter, r *http.Request) {
	entries := make(chan entry)
	go s.count(entries) // scan: range-never-closed go
	for _, topic := range []string{"weather", "sports"} {
		entry := entry{topic, "no news", time.Now()}
		fmt.Fprintln(w, s.name, entry.topic, entry.text)
		entries <- entry
	}
}

func (s *site) count(entries chan entry) {
	for range entries { // scan: range-never-closed at
		handle(len(s.name))
	}
}

// watch has a closure within a closure, and makes its channel after both, so that they share the variable.
func watch(path string) {
	var changes chan struct{}
	follow := func(each func()) {
		go func() { // scan: range-never-closed go
			for range changes { // scan: range-never-closed at
				each()
			}
		}()
	}
	changes = make(chan struct{}, 1)
	follow(func() { handle(len(path)) })
	changes <- struct{}{}
}

// mapAll does it for values of any type.
func mapAll[T, R any](items []T, work func(T) R) []R {
	waiting := make(chan T)
	results := make(chan R, len(items))
	for worker := 0; worker < 2; worker++ {
		go func() { // scan: range-never-closed go
			for item := range waiting { // scan: range-never-closed at
				results <- work(item)
			}
		}()
	}
	for _, item := range items {
		waiting <- item
	}
	mapped := make([]R, 0, len(items))
	for range items {
		mapped = append(mapped, <-results)
	}
	return mapped
}

//go:noinline
func handle(order int) { atomic.AddInt64(&done, int64(order)) }

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

// early-return/leaky: a function starts a goroutine that sends it something, and returns on one of its ways before
// it receives. Here that way is always taken, and the goroutines stay.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"time"
)

var (
	errDenied = errors.New("denied")
	errFormat = errors.New("unknown format")
)

func main() {
	shop := &shop{name: "books"}
	mux := http.NewServeMux()
	mux.HandleFunc("/order", shop.order)

	report("fetchProfile", func() { fetchProfile(13) })
	report("loadConfig", func() { loadConfig("settings.xml") })
	report("order", func() { get(mux, "/order") })
	report("backup", func() { backup("/home", true) })
	report("warmUp", func() { warmUp(&cache{disabled: true}) })
	report("hedge", func() {
		hedge(func() (string, error) { return "primary", nil }, func() string { return "spare" })
	})
}

// fetchProfile asks before it knows whether it may.
func fetchProfile(id int) (string, error) {
	name := make(chan string)
	go func() { // scan: early-return go
		name <- lookUp(id) // scan: early-return at
	}()
	if err := authorize(id); err != nil {
		return "", err
	}
	return <-name, nil
}

type config struct {
	path    string
	entries map[string]string
	err     error
}

// loadConfig passes the channel to a function.
func loadConfig(path string) (config, error) {
	loaded := make(chan config)
	go readConfig(path, loaded) // scan: early-return go
	if !strings.HasSuffix(path, ".json") {
		return config{}, fmt.Errorf("%s: %w", path, errFormat)
	}
	return <-loaded, nil
}

func readConfig(path string, loaded chan<- config) {
	entries := map[string]string{"path": lookUp(len(path))}
	loaded <- config{path: path, entries: entries} // scan: early-return at
}

type shop struct{ name string }

// order is for a web server.
func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	stock := make(chan int)
	go s.count(r.URL.Path, stock) // scan: early-return go
	article := r.FormValue("article")
	if article == "" {
		http.Error(w, "no article", http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%d of %s\n", <-stock, article)
}

func (s *shop) count(article string, stock chan int) {
	stock <- len(lookUp(len(s.name + article))) // scan: early-return at
}

// backup makes its channel after the closure, so both share the variable, and has an early return among good ones.
func backup(volume string, full bool) error {
	var finished chan error
	work := func() {
		err := copyVolume(volume)
		finished <- err // scan: early-return at
	}
	if volume == "" {
		return errFormat
	}
	finished = make(chan error)
	go work() // scan: early-return go
	switch {
	case !full:
		return <-finished
	case authorize(len(volume)) != nil:
		return errDenied
	}
	if err := <-finished; err != nil {
		return fmt.Errorf("%s: %w", volume, err)
	}
	return nil
}

type cache struct {
	disabled bool
	filled   time.Time
}

func (c *cache) fill() { c.filled = time.Now() }

// warmUp starts its goroutine in a closure within the function.
func warmUp(cache *cache) bool {
	ready := make(chan struct{})
	start := func(fill func()) {
		go func() { // scan: early-return go
			fill()
			ready <- struct{}{} // scan: early-return at
		}()
	}
	start(cache.fill)
	if cache.disabled {
		return false
	}
	<-ready
	return true
}

// hedge wants the second answer only if there is no first one.
func hedge[T any](primary func() (T, error), spare func() T) (T, error) {
	second := make(chan T)
	go func() { // scan: early-return go
		second <- spare() // scan: early-return at
	}()
	first, err := primary()
	if err == nil {
		return first, nil
	}
	return <-second, nil
}

//go:noinline
func authorize(id int) error {
	if id%2 == 1 {
		return errDenied
	}
	return nil
}

//go:noinline
func lookUp(id int) string {
	time.Sleep(time.Millisecond)
	return fmt.Sprint("entry ", id)
}

//go:noinline
func copyVolume(volume string) error {
	time.Sleep(time.Millisecond)
	return nil
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

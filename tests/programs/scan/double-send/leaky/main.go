// double-send/leaky: a goroutine sends twice where its starter receives once. After most of the first sends a
// return is missing.
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

var errRefused = errors.New("refused")

func main() {
	archive := &archive{root: "/srv"}
	mux := http.NewServeMux()
	mux.HandleFunc("/export", archive.export)

	report("connect", func() { connect("db-1") })
	report("fetchPage", func() { fetchPage("/missing") })
	report("export", func() { get(mux, "/export?name=../passwd") })
	report("probe", func() { probe("db-2") })
	report("translate", func() { translate("") })
	report("await", func() { await(func() (int, error) { return 0, errRefused }) })
}

// connect sends the error, and then that there is none.
func connect(address string) error {
	connected := make(chan error)
	go func() { // scan: double-send go
		if err := dial(address); err != nil {
			connected <- fmt.Errorf("%s: %w", address, err)
		}
		connected <- nil // scan: double-send at
	}()
	return <-connected
}

type page struct {
	path   string
	status int
	body   []byte
	err    error
}

// fetchPage passes the channel to a function.
func fetchPage(path string) ([]byte, error) {
	pages := make(chan page)
	go download(path, pages) // scan: double-send go
	page := <-pages
	return page.body, page.err
}

func download(path string, pages chan<- page) {
	err := dial(path)
	if err != nil {
		pages <- page{path: path, status: http.StatusBadGateway, err: err}
	}
	pages <- page{path: path, status: http.StatusOK, body: []byte(path)} // scan: double-send at
}

type archive struct{ root string }

// export waits for one word from a method.
func (a *archive) export(w http.ResponseWriter, r *http.Request) {
	packed := make(chan error)
	go a.pack(r.FormValue("name"), packed) // scan: double-send go
	if err := <-packed; err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	fmt.Fprintln(w, "packed")
}

func (a *archive) pack(name string, packed chan error) {
	switch {
	case strings.Contains(name, ".."):
		packed <- errRefused
	case name == "":
		packed <- fmt.Errorf("no name below %s", a.root)
	}
	packed <- dial(a.root) // scan: double-send at
}

// probe takes the first of several attempts, each of which is sent.
func probe(host string) bool {
	alive := make(chan bool)
	go func() { // scan: double-send go
		for attempt := 0; attempt < 3; attempt++ {
			alive <- dial(fmt.Sprint(host, attempt)) == nil // scan: double-send at
		}
	}()
	return <-alive
}

type reply struct {
	text string
	err  error
}

// translate sends through a closure, and makes the channel later, so both share the variable.
func translate(word string) (string, error) {
	var replies chan reply
	answer := func(text string, err error) {
		replies <- reply{text, err} // scan: double-send at
	}
	replies = make(chan reply)
	go func() { // scan: double-send go
		if word == "" {
			answer("", errRefused)
		}
		answer(strings.ToUpper(word), dial(word))
	}()
	got := <-replies
	return got.text, got.err
}

type outcome[T any] struct {
	value T
	err   error
}

// await does it for work of any type.
func await[T any](work func() (T, error)) (T, error) {
	done := make(chan outcome[T])
	go func() { // scan: double-send go
		value, err := work()
		if err != nil {
			done <- outcome[T]{err: err}
		}
		done <- outcome[T]{value: value} // scan: double-send at
	}()
	result := <-done
	return result.value, result.err
}

//go:noinline
func dial(address string) error {
	time.Sleep(time.Millisecond)
	if address == "/srv" {
		return nil
	}
	return errRefused
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

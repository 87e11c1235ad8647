// double-send/clean: a goroutine with more than one send, of which each run takes as many as are received.
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
	report("compile", func() { compile("main.go") })
	report("login", func() { login("ann") })
	report("run", func() { run(func() error { panic("no such user") }) })
}

// connect returns after the error.
func connect(address string) error {
	connected := make(chan error)
	go func() {
		if err := dial(address); err != nil {
			connected <- fmt.Errorf("%s: %w", address, err)
			return
		}
		connected <- nil
	}()
	return <-connected
}

type page struct {
	path   string
	status int
	body   []byte
	err    error
}

// fetchPage has room for both, though it wants only the first.
func fetchPage(path string) ([]byte, error) {
	pages := make(chan page, 2)
	go download(path, pages)
	page := <-pages
	return page.body, page.err
}

func download(path string, pages chan<- page) {
	err := dial(path)
	if err != nil {
		pages <- page{path: path, status: http.StatusBadGateway, err: err}
	}
	pages <- page{path: path, status: http.StatusOK, body: []byte(path)}
}

type archive struct{ root string }

// export has a send in each case of a switch.
func (a *archive) export(w http.ResponseWriter, r *http.Request) {
	packed := make(chan error)
	go a.pack(r.FormValue("name"), packed)
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
	default:
		packed <- dial(a.root)
	}
}

// probe ends with the first answer that it sends.
func probe(host string) bool {
	alive := make(chan bool)
	go func() {
		for attempt := 0; attempt < 3; attempt++ {
			if dial(fmt.Sprint(host, attempt)) == nil {
				alive <- true
				return
			}
		}
		alive <- false
	}()
	return <-alive
}

type reply struct {
	text string
	err  error
}

// translate sends through a closure, either here or there.
func translate(word string) (string, error) {
	var replies chan reply
	answer := func(text string, err error) {
		replies <- reply{text, err}
	}
	replies = make(chan reply)
	go func() {
		if word == "" {
			answer("", errRefused)
		} else {
			answer(strings.ToUpper(word), dial(word))
		}
	}()
	got := <-replies
	return got.text, got.err
}

type outcome[T any] struct {
	value T
	err   error
}

// await receives until the channel is closed.
func await[T any](work func() (T, error)) (value T, err error) {
	done := make(chan outcome[T])
	go func() {
		defer close(done)
		value, err := work()
		if err != nil {
			done <- outcome[T]{err: err}
		}
		done <- outcome[T]{value: value}
	}()
	for result := range done {
		value = result.value
		if result.err != nil {
			err = result.err
		}
	}
	return value, err
}

// compile receives twice.
func compile(path string) (objects []string) {
	stages := make(chan string)
	go func() {
		stages <- path + ".s"
		if dial(path) != nil {
			stages <- ""
			return
		}
		stages <- path + ".o"
	}()
	for stage := 0; stage < 2; stage++ {
		objects = append(objects, <-stages)
	}
	return objects
}

// login has room for the first word, and the second is dropped if there is no more.
func login(user string) error {
	checked := make(chan error, 1)
	go func() {
		if err := dial(user); err != nil {
			checked <- err
		}
		select {
		case checked <- nil:
		default:
		}
	}()
	return <-checked
}

// run sends the error of the work, or its panic.
func run(work func() error) error {
	ended := make(chan error)
	go func() {
		defer func() {
			if reason := recover(); reason != nil {
				ended <- fmt.Errorf("panic: %v", reason)
			}
		}()
		err := work()
		ended <- err
	}()
	return <-ended
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

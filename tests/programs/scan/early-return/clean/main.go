// early-return/clean: a function starts a goroutine that sends it something, and returns early without leaving it
// behind.
package main

import (
	"context"
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
	report("warmUp", func() { warmUp(context.Background(), &cache{disabled: true}) })
	report("hedge", func() {
		hedge(func() (string, error) { return "primary", nil }, func() string { return "spare" })
	})
	report("translate", func() { translate("word") })
	report("ask", func() { <-ask(7) })
	report("check", func() { check("/home") })
}

// fetchProfile has room for the answer.
func fetchProfile(id int) (string, error) {
	name := make(chan string, 1)
	go func() {
		name <- lookUp(id)
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

// loadConfig receives on every way.
func loadConfig(path string) (config, error) {
	loaded := make(chan config)
	go readConfig(path, loaded)
	if !strings.HasSuffix(path, ".json") {
		<-loaded
		return config{}, fmt.Errorf("%s: %w", path, errFormat)
	}
	return <-loaded, nil
}

func readConfig(path string, loaded chan<- config) {
	entries := map[string]string{"path": lookUp(len(path))}
	loaded <- config{path: path, entries: entries}
}

type shop struct{ name string }

// order starts the goroutine when nothing can go wrong any more.
func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	article := r.FormValue("article")
	if article == "" {
		http.Error(w, "no article", http.StatusBadRequest)
		return
	}
	stock := make(chan int)
	go s.count(r.URL.Path, stock)
	fmt.Fprintf(w, "%d of %s\n", <-stock, article)
}

func (s *shop) count(article string, stock chan int) {
	stock <- len(lookUp(len(s.name + article)))
}

// backup receives when it returns, whichever way.
func backup(volume string, full bool) (err error) {
	var finished chan error
	work := func() {
		err := copyVolume(volume)
		finished <- err
	}
	if volume == "" {
		return errFormat
	}
	finished = make(chan error)
	go work()
	defer func() {
		if failure := <-finished; err == nil {
			err = failure
		}
	}()
	if full && authorize(len(volume)) != nil {
		return errDenied
	}
	return nil
}

type cache struct {
	disabled bool
	filled   time.Time
}

func (c *cache) fill() { c.filled = time.Now() }

// warmUp calls its goroutine off when it returns.
func warmUp(ctx context.Context, cache *cache) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan struct{})
	start := func(fill func()) {
		go func() {
			fill()
			select {
			case ready <- struct{}{}:
			case <-ctx.Done():
			}
		}()
	}
	start(cache.fill)
	if cache.disabled {
		return false
	}
	<-ready
	return true
}

// hedge has room for the second answer.
func hedge[T any](primary func() (T, error), spare func() T) (T, error) {
	second := make(chan T, 1)
	go func() {
		second <- spare()
	}()
	first, err := primary()
	if err == nil {
		return first, nil
	}
	return <-second, nil
}

// translate leaves the receiving to another goroutine when it goes.
func translate(word string) (string, error) {
	translated := make(chan string)
	go func() { translated <- lookUp(len(word)) }()
	if len(word) < 5 {
		go discard(translated)
		return "", errFormat
	}
	return <-translated, nil
}

func discard(answers <-chan string) { <-answers }

// ask returns the channel, and its caller receives.
func ask(id int) <-chan string {
	answer := make(chan string)
	go func() { answer <- lookUp(id) }()
	return answer
}

// check is told the end by a close, which never blocks.
func check(volume string) error {
	var err error
	checked := make(chan struct{})
	go func() {
		defer close(checked)
		err = copyVolume(volume)
	}()
	if authorize(len(volume)) != nil {
		return errDenied
	}
	<-checked
	return err
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

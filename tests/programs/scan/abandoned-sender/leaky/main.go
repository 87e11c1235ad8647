// abandoned-sender/leaky: a function waits for a result or for something else, whichever comes first, and leaves
// behind the goroutine that has yet to send. Here the backend answers when nobody waits any more.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"time"
)

var errTimeout = errors.New("timeout")

func main() {
	gallery := &gallery{name: "holiday"}
	stopped := &printer{quit: make(chan struct{})}
	close(stopped.quit)

	report("lookUp", func() { lookUp("ann") })
	report("resolve", func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		resolve(ctx, "example.com")
	})
	report("thumbnail", func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		request := httptest.NewRequest(http.MethodGet, "/beach.jpg", nil)
		gallery.thumbnail(httptest.NewRecorder(), request.WithContext(ctx))
	})
	report("ping", func() { ping("db-1", time.Millisecond) })
	report("print", func() { stopped.print("letter") })
	report("within", func() { within(time.Millisecond, func() int { return len(backend("sum")) }) })
}

// lookUp has only so much time.
func lookUp(name string) (string, error) {
	found := make(chan string)
	go func() { // scan: abandoned-sender go
		found <- backend(name) // scan: abandoned-sender at
	}()
	select {
	case entry := <-found:
		return entry, nil
	case <-time.After(time.Millisecond):
		return "", errTimeout
	}
}

type answer struct {
	host      string
	addresses []string
	err       error
}

// resolve ends with its context, which the goroutine does not know.
func resolve(ctx context.Context, host string) ([]string, error) {
	answers := make(chan answer)
	go ask(host, answers) // scan: abandoned-sender go
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case answer := <-answers:
		return answer.addresses, answer.err
	}
}

func ask(host string, answers chan<- answer) {
	address := backend(host)
	answers <- answer{host: host, addresses: []string{address}} // scan: abandoned-sender at
}

type gallery struct{ name string }

// thumbnail ends when the browser goes away.
func (g *gallery) thumbnail(w http.ResponseWriter, r *http.Request) {
	rendered := make(chan []byte)
	go g.render(r.URL.Path, rendered) // scan: abandoned-sender go
	select {
	case image := <-rendered:
		w.Write(image)
	case <-r.Context().Done():
		http.Error(w, r.Context().Err().Error(), http.StatusServiceUnavailable)
	}
}

func (g *gallery) render(path string, rendered chan<- []byte) {
	image := backend(g.name + path)
	rendered <- []byte(image) // scan: abandoned-sender at
}

// ping waits with a timer, again and again, but not for ever.
func ping(host string, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	pong := make(chan error)
	go func() { // scan: abandoned-sender go
		var err error
		if backend(host) == "" {
			err = errTimeout
		}
		pong <- err // scan: abandoned-sender at
	}()
	for attempt := 1; ; attempt++ {
		select {
		case err := <-pong:
			return err
		case <-timer.C:
			if attempt == 2 {
				return errTimeout
			}
			timer.Reset(patience)
		}
	}
}

type printer struct{ quit chan struct{} }

// print leaves when the printer is stopped. The channel is made after the closure, so both share the
// variable.
func (p *printer) print(document string) bool {
	var printed chan struct{}
	submit := func() {
		go func() { // scan: abandoned-sender go
			backend(document)
			printed <- struct{}{} // scan: abandoned-sender at
		}()
	}
	printed = make(chan struct{})
	submit()
	select {
	case <-printed:
		return true
	case <-p.quit:
		return false
	}
}

// within does it for work of any type.
func within[T any](patience time.Duration, work func() T) (result T, err error) {
	done := make(chan T)
	go func() { // scan: abandoned-sender go
		done <- work() // scan: abandoned-sender at
	}()
	select {
	case result = <-done:
	case <-time.After(patience):
		err = errTimeout
	}
	return result, err
}

var busy sync.RWMutex

// backend answers when report says so.
//
//go:noinline
func backend(question string) string {
	busy.RLock()
	defer busy.RUnlock()
	return "answer to " + question
}

// report calls the function often, lets the backend answer, waits until no more goroutines end, and says how many
// of them are left.
func report(function string, call func()) {
	before := runtime.NumGoroutine()
	busy.Lock()
	for i := 0; i < 20; i++ {
		call()
	}
	busy.Unlock()
	left := runtime.NumGoroutine() - before
	for same := 0; same < 20; same++ {
		time.Sleep(10 * time.Millisecond)
		if now := runtime.NumGoroutine() - before; now != left {
			left, same = now, 0
		}
	}
	fmt.Printf("{\"function\":%q,\"goroutines_left\":%d}\n", function, left)
}

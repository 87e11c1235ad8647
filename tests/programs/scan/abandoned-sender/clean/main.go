// abandoned-sender/clean: a function waits for a result or for something else, whichever comes first, and the
// goroutine that sends the result ends all the same.
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
	report("wait", func() { wait("report") })
	report("compress", func() { compress("report") })
}

// lookUp has room for the answer that comes too late.
func lookUp(name string) (string, error) {
	found := make(chan string, 1)
	go func() {
		found <- backend(name)
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

// resolve gives its context to the goroutine.
func resolve(ctx context.Context, host string) ([]string, error) {
	answers := make(chan answer)
	go ask(ctx, host, answers)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case answer := <-answers:
		return answer.addresses, answer.err
	}
}

func ask(ctx context.Context, host string, answers chan<- answer) {
	address := backend(host)
	select {
	case answers <- answer{host: host, addresses: []string{address}}:
	case <-ctx.Done():
	}
}

type gallery struct{ name string }

// thumbnail has room in each of its channels.
func (g *gallery) thumbnail(w http.ResponseWriter, r *http.Request) {
	rendered := make(chan []byte, 1)
	failed := make(chan error, 1)
	go g.render(r.URL.Path, rendered, failed)
	select {
	case image := <-rendered:
		w.Write(image)
	case err := <-failed:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case <-r.Context().Done():
	}
}

func (g *gallery) render(path string, rendered chan<- []byte, failed chan<- error) {
	image := backend(g.name + path)
	if image == "" {
		failed <- errTimeout
		return
	}
	rendered <- []byte(image)
}

// ping complains after a while, and goes on waiting.
func ping(host string, patience time.Duration) error {
	pong := make(chan error)
	go func() {
		if backend(host) == "" {
			pong <- errTimeout
			return
		}
		pong <- nil
	}()
	late := 0
	for {
		select {
		case err := <-pong:
			return err
		case <-time.After(patience):
			late++
		}
	}
}

type printer struct{ quit chan struct{} }

// print stops when the printer is stopped, here and in the goroutine.
func (p *printer) print(document string) bool {
	var printed chan struct{}
	submit := func() {
		go func() {
			backend(document)
			select {
			case printed <- struct{}{}:
			case <-p.quit:
			}
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

// within receives too late rather than never.
func within[T any](patience time.Duration, work func() T) (result T, err error) {
	done := make(chan T)
	go func() {
		done <- work()
	}()
	select {
	case result = <-done:
	case <-time.After(patience):
		err = errTimeout
		<-done
	}
	return result, err
}

// wait starts another goroutine to receive what it has no time for.
func wait(name string) error {
	finished := make(chan error)
	go func() {
		backend(name)
		finished <- nil
	}()
	select {
	case err := <-finished:
		return err
	case <-time.After(time.Millisecond):
		go func() { <-finished }()
		return errTimeout
	}
}

// compress has a goroutine that drops the result if nobody waits for it right now.
func compress(name string) (string, error) {
	compressed := make(chan string)
	go func() {
		result := backend(name)
		select {
		case compressed <- result:
		default:
		}
	}()
	select {
	case result := <-compressed:
		return result, nil
	case <-time.After(time.Millisecond):
		return "", errTimeout
	}
}

// backend takes longer than most of them wait.
//
//go:noinline
func backend(question string) string {
	time.Sleep(4 * time.Millisecond)
	return "answer to " + question
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

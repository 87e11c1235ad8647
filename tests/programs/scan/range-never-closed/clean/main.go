// range-never-closed/clean: goroutines that range over a channel, and somebody closes it, or they stop by
// themselves.
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
	hub := &hub{}

	report("process", func() { process([]int{1, 2, 3, 4, 5}) })
	report("resize", func() { resize([]string{"beach.jpg", "sea.jpg"}) })
	report("validate", func() { validate([]string{"name", "", "street"}) })
	report("feed", func() { get(mux, "/feed") })
	report("watch", func() { watch("/etc/hosts") })
	report("mapAll", func() { mapAll([]int{1, 2, 3}, func(n int) string { return fmt.Sprint(n) }) })
	report("subscribe", func() { hub.subscribe("weather"); hub.stop() })
	report("startLogger", func() { close(startLogger("access")) })
	report("startMeter", func() { startMeter("requests")() })
}

// process closes its queue when all orders are handed out.
func process(orders []int) {
	queue := make(chan int)
	for worker := 0; worker < 3; worker++ {
		go func() {
			for order := range queue {
				handle(order)
			}
		}()
	}
	for _, order := range orders {
		queue <- order
	}
	close(queue)
}

type image struct {
	path          string
	width, height int
}

// resize closes the channel when it returns.
func resize(paths []string) {
	var wg sync.WaitGroup
	images := make(chan image, 4)
	defer close(images)
	go scale(images, &wg)
	for _, path := range paths {
		wg.Add(1)
		images <- image{path, 640, 480}
	}
	wg.Wait()
}

func scale(images <-chan image, wg *sync.WaitGroup) {
	for image := range images {
		handle(image.width * image.height)
		wg.Done()
	}
}

// validate has a goroutine that closes when all senders are done.
func validate(fields []string) int64 {
	var failed int64
	var senders sync.WaitGroup
	errs := make(chan error)
	for number, field := range fields {
		senders.Add(1)
		go func(number int, field string) {
			defer senders.Done()
			if field == "" {
				errs <- fmt.Errorf("field %d is empty", number)
			}
		}(number, field)
	}
	go func() {
		for err := range errs {
			handle(len(err.Error()))
			atomic.AddInt64(&failed, 1)
		}
	}()
	go func() {
		senders.Wait()
		close(errs)
	}()
	senders.Wait()
	return atomic.LoadInt64(&failed)
}

type site struct{ name string }

type entry struct {
	topic, text string
	at          time.Time
}

// feed leaves the closing to a function.
func (s *site) feed(w http.ResponseWriter, r *http.Request) {
	entries := make(chan entry)
	go s.count(entries)
	for _, topic := range []string{"weather", "sports"} {
		entry := entry{topic, "no news", time.Now()}
		fmt.Fprintln(w, s.name, entry.topic, entry.text)
		entries <- entry
	}
	finish(w, entries)
}

//go:noinline
func finish(w http.ResponseWriter, entries chan<- entry) {
	fmt.Fprintln(w, "that is all")
	close(entries)
}

func (s *site) count(entries chan entry) {
	for range entries {
		handle(len(s.name))
	}
}

// watch tells its goroutine to stop with a value.
func watch(path string) {
	var changes chan string
	follow := func(each func()) {
		go func() {
			for change := range changes {
				if change == "stop" {
					break
				}
				each()
			}
		}()
	}
	changes = make(chan string, 2)
	follow(func() { handle(len(path)) })
	changes <- path
	changes <- "stop"
}

// mapAll closes both channels, in deferred calls and in a goroutine.
func mapAll[T, R any](items []T, work func(T) R) (mapped []R) {
	waiting := make(chan T)
	results := make(chan R)
	var workers sync.WaitGroup
	for worker := 0; worker < 2; worker++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for item := range waiting {
				results <- work(item)
			}
		}()
	}
	go func() {
		defer close(waiting)
		for _, item := range items {
			waiting <- item
		}
	}()
	go func() {
		workers.Wait()
		close(results)
	}()
	for result := range results {
		mapped = append(mapped, result)
	}
	return mapped
}

type hub struct {
	lock  sync.Mutex
	feeds map[string]chan entry
}

// subscribe keeps the channel for whoever stops the hub.
func (h *hub) subscribe(topic string) {
	entries := make(chan entry)
	go func() {
		for entry := range entries {
			handle(len(entry.text))
		}
	}()
	h.lock.Lock()
	defer h.lock.Unlock()
	if h.feeds == nil {
		h.feeds = map[string]chan entry{}
	}
	h.feeds[topic] = entries
}

func (h *hub) stop() {
	h.lock.Lock()
	defer h.lock.Unlock()
	for topic, feed := range h.feeds {
		close(feed)
		delete(h.feeds, topic)
	}
}

// startLogger returns the channel, and its caller closes it.
func startLogger(name string) chan<- string {
	lines := make(chan string, 8)
	go func() {
		for line := range lines {
			handle(len(name) + len(line))
		}
	}()
	return lines
}

// startMeter returns a function that closes the channel.
func startMeter(name string) func() {
	ticks := make(chan int)
	go func() {
		for tick := range ticks {
			handle(tick)
		}
	}()
	ticks <- len(name)
	return func() { close(ticks) }
}

//go:noinline
func handle(order int) { atomic.AddInt64(&done, int64(order)) }

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

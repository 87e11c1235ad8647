// waitgroup-stuck/leaky: a function waits for goroutines of which some end without Done, or of which there are
// fewer than it counts. Here that happens in each call, so each is made in a goroutine, which stays.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errGone = errors.New("gone")
	stored  int64
)

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/preview", preview)

	report("download", func() { download([]string{"/index.html", "/gone.html"}) })
	report("backup", func() { backup("/home") })
	report("upload", func() { (&client{host: "store-1"}).upload([]string{"a.txt", ""}) })
	report("preview", func() { get(mux, "/preview?name=beach.jpg&name=notes.doc") })
	report("crawl", func() { (&crawler{seen: map[string]bool{}}).crawl([]string{"/", "/", "/news"}) })
	report("forEach", func() { forEach([]int{2, 1, 0}, func(n int) error { return fetch("gone"[:n]) }) })
}

// download counts those that fail as if they still worked.
func download(paths []string) {
	var wg sync.WaitGroup
	for _, path := range paths {
		path := path
		wg.Add(1)
		go func() { // scan: waitgroup-stuck go
			if err := fetch(path); err != nil {
				return
			}
			store(path)
			wg.Done()
		}()
	}
	wg.Wait() // scan: waitgroup-stuck at
}

// backup counts two and starts one.
func backup(volume string) {
	var wg sync.WaitGroup
	wg.Add(2)
	go func() { // scan: waitgroup-stuck go
		defer wg.Done()
		store(volume)
	}()
	wg.Wait() // scan: waitgroup-stuck at
}

type client struct{ host string }

// upload gives the group to a method.
func (c *client) upload(names []string) {
	wg := &sync.WaitGroup{}
	wg.Add(len(names))
	for _, name := range names {
		go c.send(wg, name) // scan: waitgroup-stuck go
	}
	wg.Wait() // scan: waitgroup-stuck at
}

func (c *client) send(wg *sync.WaitGroup, name string) {
	if name == "" {
		return
	}
	store(c.host + name)
	wg.Done()
}

// preview makes something of each file that it knows.
func preview(w http.ResponseWriter, r *http.Request) {
	var (
		wg    sync.WaitGroup
		total int64
	)
	r.ParseForm()
	for _, name := range r.Form["name"] {
		wg.Add(1)
		go func(name string) { // scan: waitgroup-stuck go
			switch {
			case strings.HasSuffix(name, ".jpg"):
				atomic.AddInt64(&total, int64(len(name)))
				wg.Done()
			case strings.HasSuffix(name, ".png"):
				atomic.AddInt64(&total, 1)
				wg.Done()
			}
		}(name)
	}
	wg.Wait() // scan: waitgroup-stuck at
	fmt.Fprintln(w, total)
}

type crawler struct {
	wg   sync.WaitGroup
	lock sync.Mutex
	seen map[string]bool
}

// crawl has its group in a struct, and a method that is careful with its lock only.
func (c *crawler) crawl(links []string) {
	for _, link := range links {
		c.wg.Add(1)
		go c.visit(link) // scan: waitgroup-stuck go
	}
	c.wg.Wait() // scan: waitgroup-stuck at
}

func (c *crawler) visit(link string) {
	c.lock.Lock()
	if c.seen[link] {
		c.lock.Unlock()
		return
	}
	c.seen[link] = true
	c.lock.Unlock()
	store(link)
	c.wg.Done()
}

// forEach does it for items of any type, and starts the goroutines in a closure.
func forEach[T any](items []T, work func(T) error) (failure error) {
	var wg sync.WaitGroup
	var lock sync.Mutex
	start := func(item T) {
		wg.Add(1)
		go func() { // scan: waitgroup-stuck go
			err := work(item)
			if err != nil {
				lock.Lock()
				defer lock.Unlock()
				failure = err
				return
			}
			wg.Done()
		}()
	}
	for _, item := range items {
		start(item)
	}
	wg.Wait() // scan: waitgroup-stuck at
	return failure
}

//go:noinline
func fetch(path string) error {
	time.Sleep(time.Millisecond)
	if path == "" || strings.Contains(path, "gone") {
		return errGone
	}
	return nil
}

//go:noinline
func store(path string) { atomic.AddInt64(&stored, int64(len(path))) }

func get(handler http.Handler, path string) {
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
}

// report calls the function often, side by side, waits until no more goroutines end, and says how
// many of them are left.
func report(function string, call func()) {
	before := runtime.NumGoroutine()
	for i := 0; i < 20; i++ {
		go call()
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

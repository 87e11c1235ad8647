// waitgroup-stuck/clean: a function waits for goroutines, and whichever way these end, they are all counted.
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
	report("backup", func() { backup("/home", "/srv") })
	report("upload", func() { (&client{host: "store-1"}).upload([]string{"a.txt", ""}) })
	report("preview", func() { get(mux, "/preview?name=beach.jpg&name=notes.doc") })
	report("crawl", func() { (&crawler{seen: map[string]bool{}}).crawl([]string{"/", "/", "/news"}) })
	report("forEach", func() { forEach([]int{2, 1, 0}, func(n int) error { return fetch("gone"[:n]) }) })
	report("compile", func() { compile([]string{"main.go", "gone.go"}) })
	report("warmUp", func() { warmUp([]string{"users", "gone"}) })
	report("synchronize", func() { synchronize([]string{"users", "gone"}) })
}

// download defers.
func download(paths []string) {
	var wg sync.WaitGroup
	for _, path := range paths {
		path := path
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := fetch(path); err != nil {
				return
			}
			store(path)
		}()
	}
	wg.Wait()
}

// backup counts two and starts two.
func backup(volume, other string) {
	var wg sync.WaitGroup
	wg.Add(2)
	go func() {
		defer wg.Done()
		store(volume)
	}()
	go func() {
		defer wg.Done()
		store(other)
	}()
	wg.Wait()
}

type client struct{ host string }

// upload counts all before it starts the first, and the method is careful on each of its ways.
func (c *client) upload(names []string) {
	wg := &sync.WaitGroup{}
	wg.Add(len(names))
	for _, name := range names {
		go c.send(wg, name)
	}
	wg.Wait()
}

func (c *client) send(wg *sync.WaitGroup, name string) {
	if name == "" {
		wg.Done()
		return
	}
	store(c.host + name)
	wg.Done()
}

// preview has a deferred closure that does more than that.
func preview(w http.ResponseWriter, r *http.Request) {
	var (
		wg            sync.WaitGroup
		total, failed int64
	)
	r.ParseForm()
	for _, name := range r.Form["name"] {
		wg.Add(1)
		go func(name string) {
			defer func() {
				if recover() != nil {
					atomic.AddInt64(&failed, 1)
				}
				wg.Done()
			}()
			switch {
			case strings.HasSuffix(name, ".jpg"):
				atomic.AddInt64(&total, int64(len(name)))
			case strings.HasSuffix(name, ".doc"):
				panic("no picture")
			}
		}(name)
	}
	wg.Wait()
	fmt.Fprintln(w, total, failed)
}

type crawler struct {
	wg   sync.WaitGroup
	lock sync.Mutex
	seen map[string]bool
}

// crawl has its group in a struct.
func (c *crawler) crawl(links []string) {
	for _, link := range links {
		c.wg.Add(1)
		go c.visit(link)
	}
	c.wg.Wait()
}

func (c *crawler) visit(link string) {
	defer c.wg.Done()
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.seen[link] {
		return
	}
	c.seen[link] = true
	store(link)
}

// forEach does it for items of any type, and starts the goroutines in a closure.
func forEach[T any](items []T, work func(T) error) (failure error) {
	var wg sync.WaitGroup
	var lock sync.Mutex
	start := func(item T) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := work(item); err != nil {
				lock.Lock()
				defer lock.Unlock()
				failure = err
			}
		}()
	}
	for _, item := range items {
		start(item)
	}
	wg.Wait()
	return failure
}

type object struct {
	path string
	size int
	err  error
}

// compile leaves the waiting to a goroutine, which closes the channel of the results.
func compile(paths []string) (objects []object) {
	var wg sync.WaitGroup
	results := make(chan object)
	for _, path := range paths {
		wg.Add(1)
		go func(path string) {
			defer wg.Done()
			if err := fetch(path); err != nil {
				results <- object{path: path, err: err}
				return
			}
			results <- object{path: path, size: len(path)}
		}(path)
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	for object := range results {
		objects = append(objects, object)
	}
	return objects
}

// warmUp leaves Done to a function.
func warmUp(tables []string) {
	var wg sync.WaitGroup
	for _, table := range tables {
		wg.Add(1)
		go func(table string) {
			err := fetch(table)
			finish(&wg, table, err)
		}(table)
	}
	wg.Wait()
}

//go:noinline
func finish(wg *sync.WaitGroup, table string, err error) {
	if err == nil {
		store(table)
	}
	wg.Done()
}

// synchronize counts a goroutine only when it is sure to start it.
func synchronize(tables []string) {
	var wg sync.WaitGroup
	for _, table := range tables {
		if fetch(table) != nil {
			continue
		}
		wg.Add(1)
		go func(table string) {
			store(table)
			wg.Done()
		}(table)
	}
	wg.Wait()
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

// report calls the function often, side by side, waits until its goroutines have ended, and says how
// many of them are left.
func report(function string, call func()) {
	before := runtime.NumGoroutine()
	for i := 0; i < 20; i++ {
		go call()
	}
	left := runtime.NumGoroutine() - before
	for patience := 3000; left > 0 && patience > 0; patience-- {
		time.Sleep(10 * time.Millisecond)
		left = runtime.NumGoroutine() - before
	}
	fmt.Printf("{\"function\":%q,\"goroutines_left\":%d}\n", function, left)
}

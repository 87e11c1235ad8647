// service is a healthy small HTTP service with a few workers, a ticker and some connections that are kept open.
// It prints one line when it serves.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	workers     = 8
	connections = 10
)

func main() {
	life := flag.Duration("life", 10*time.Minute, "the program ends by itself after this long")
	flag.Parse()
	time.AfterFunc(*life, func() { panic("nobody stopped this program") })

	jobs := make(chan string)
	for i := 0; i < workers; i++ {
		go work(jobs)
	}
	go tick()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		jobs <- r.URL.Path
		fmt.Fprintln(w, "done")
	}))
	for i := 0; i < connections; i++ {
		get("http://" + listener.Addr().String() + "/job")
	}
	fmt.Println(`{"event":"ready"}`)
	select {}
}

func work(jobs <-chan string) {
	for job := range jobs {
		_ = len(job)
	}
}

func tick() {
	for range time.Tick(time.Second) {
	}
}

// get leaves its connection open.
func get(url string) {
	client := &http.Client{Transport: &http.Transport{}}
	response, err := client.Get(url)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
}

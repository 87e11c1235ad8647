// http-light is a web server with a few clients, who come again and again over kept connections.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"example.com/seep-tests/internal/truth"
)

func main() {
	clients := flag.Int("clients", 20, "clients")
	every := flag.Duration("every", 50*time.Millisecond, "time between two requests of one")
	truth.Start(nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/", answer)
	go http.Serve(listener, nil)
	address := "http://" + listener.Addr().String() + "/"
	for i := 0; i < *clients; i++ {
		go visit(address, *every)
	}
	truth.Ready()
	time.Sleep(time.Hour)
}

func answer(w http.ResponseWriter, r *http.Request) {
	time.Sleep(5 * time.Millisecond)
	fmt.Fprintln(w, "hello")
}

func visit(address string, every time.Duration) {
	client := &http.Client{Transport: &http.Transport{}}
	for {
		response, err := client.Get(address)
		if err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		time.Sleep(every)
	}
}

// pause-load asks a web server again and again, over kept connections and over new ones, and says how long the answers
// took since it was last asked (SIGUSR1).
package main

import (
	"flag"
	"io"
	"net/http"
	"os"
	"sort"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

var (
	lock    sync.Mutex
	took    []time.Duration
	failed  int
	failure string
)

func main() {
	address := flag.String("address", "", "of the server")
	clients := flag.Int("clients", 8, "clients that keep their connection, and a quarter as many that do not")
	truth.Start(tell)
	for i := 0; i < *clients; i++ {
		go ask("http://"+*address+"/", true)
		if i%4 == 0 {
			go ask("http://"+*address+"/", false)
		}
	}
	for count() < *clients {
		time.Sleep(time.Millisecond)
	}
	truth.Ready()
	time.Sleep(24 * time.Hour)
	os.Exit(1)
}

func count() int {
	lock.Lock()
	defer lock.Unlock()
	return len(took)
}

func ask(url string, keep bool) {
	client := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: !keep},
		Timeout:   30 * time.Second,
	}
	for {
		begin := time.Now()
		err := get(client, url)
		note(time.Since(begin), err)
		if !keep {
			time.Sleep(20 * time.Millisecond) // ports are used up else
		}
	}
}

func get(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if err == nil && n != 1024 {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func note(duration time.Duration, err error) {
	lock.Lock()
	defer lock.Unlock()
	took = append(took, duration)
	if err != nil {
		failed++
		failure = err.Error()
	}
}

// tell gives milliseconds.
func tell() truth.Fields {
	lock.Lock()
	defer lock.Unlock()
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	at := func(part float64) float64 {
		if len(took) == 0 {
			return 0
		}
		return took[int(part*float64(len(took)-1))].Seconds() * 1000
	}
	fields := truth.Fields{
		"requests": len(took), "failed": failed, "failure": failure,
		"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": at(0.999), "max": at(1),
	}
	took, failed = took[:0], 0
	return fields
}

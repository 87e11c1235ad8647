package main

import (
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"time"

	"example.com/seep-tests/internal/hold"
	"example.com/seep-tests/internal/waits"
)

// churn starts goroutines that live the whole day, and wait in between as those of a server do.
func churn(day *hold.Gate) {
	workers(day)
	readers(day)
	queue(day)
	fans(day)
	requests(day)
	echo(day)
	collect(day)
}

func workers(day *hold.Gate) {
	jobs, results := make(chan int), make(chan string, 4)
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		all.Add(1)
		waits.Go("churn worker", func() {
			defer all.Done()
			for job := range jobs {
				time.Sleep(time.Duration(job%7) * time.Millisecond)
				results <- string(make([]byte, job%50))
			}
		})
	}
	waits.Go("churn boss", func() {
		for job := 0; !day.Over(); job++ {
			select {
			case jobs <- job:
			case <-results:
			}
		}
		close(jobs)
		go func() {
			all.Wait()
			close(results)
		}()
		for range results {
		}
	})
}

func readers(day *hold.Gate) {
	cache := &struct {
		sync.RWMutex
		m map[int][]byte
	}{m: map[int][]byte{}}
	for i := 0; i < 6; i++ {
		number := i
		waits.Go("churn reader", func() {
			for turn := 0; !day.Over(); turn++ {
				if turn%5 == number%5 {
					cache.Lock()
					cache.m[turn%100] = make([]byte, turn%5000)
					time.Sleep(time.Millisecond)
					cache.Unlock()
					continue
				}
				cache.RLock()
				time.Sleep(time.Duration(len(cache.m)) * 5 * time.Microsecond)
				cache.RUnlock()
			}
		})
	}
}

func queue(day *hold.Gate) {
	q := &struct {
		sync.Mutex
		filled *sync.Cond
		items  []*int
		over   bool
	}{}
	q.filled = sync.NewCond(&q.Mutex)
	for i := 0; i < 4; i++ {
		waits.Go("churn consumer", func() {
			q.Lock()
			defer q.Unlock()
			for !q.over {
				if len(q.items) == 0 {
					q.filled.Wait()
					continue
				}
				q.items = q.items[1:]
			}
		})
	}
	waits.Go("churn producer", func() {
		for !day.Over() {
			time.Sleep(2 * time.Millisecond)
			q.Lock()
			q.items = append(q.items, new(int))
			q.filled.Signal()
			q.Unlock()
		}
		q.Lock()
		q.over = true
		q.filled.Broadcast()
		q.Unlock()
	})
}

func fans(day *hold.Gate) {
	waits.Go("churn fan", func() {
		for !day.Over() {
			var all sync.WaitGroup
			for i := 0; i < 10; i++ {
				all.Add(1)
				delay := time.Duration(i) * time.Millisecond
				waits.Go("churn part", func() {
					defer all.Done()
					time.Sleep(delay)
				})
			}
			all.Wait()
			time.Sleep(10 * time.Millisecond)
		}
	})
}

// requests are answered or given up, whatever comes first.
func requests(day *hold.Gate) {
	waits.Go("churn client", func() {
		for turn := 0; !day.Over(); turn++ {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
			answer := make(chan error, 1)
			pause := time.Duration(turn%10) * time.Millisecond
			waits.Go("churn request", func() {
				select {
				case <-time.After(pause):
					answer <- nil
				case <-ctx.Done():
					answer <- ctx.Err()
				}
			})
			<-answer
			cancel()
		}
	})
}

func echo(day *hold.Gate) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	waits.Go("churn accept", func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			waits.Go("churn serve", func() {
				defer conn.Close()
				io.Copy(conn, conn)
			})
		}
	})
	address := listener.Addr().String()
	waits.Go("churn dial", func() {
		defer listener.Close()
		for !day.Over() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				panic(err)
			}
			received := make(chan int)
			waits.Go("churn receive", func() {
				n, _ := io.ReadFull(conn, make([]byte, 4))
				received <- n
			})
			time.Sleep(5 * time.Millisecond)
			conn.Write([]byte("echo"))
			<-received
			conn.Close()
		}
	})
}

// collect has several that want a garbage collection, or the world stopped, at the same time.
func collect(day *hold.Gate) {
	for i := 0; i < 3; i++ {
		number := i
		waits.Go("churn collect", func() {
			for !day.Over() {
				if number == 0 {
					runtime.GC()
				} else {
					var memory runtime.MemStats
					runtime.ReadMemStats(&memory)
				}
				grow(300 * number)
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
}

//go:noinline
func grow(depth int) byte {
	var room [128]byte
	if depth > 0 {
		room[depth%128] = grow(depth - 1)
	}
	return room[0]
}

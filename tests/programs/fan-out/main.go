// fan-out answers requests by asking many shards, each in a goroutine, and waits for all of them or for the
// first error.
package main

import (
	"context"
	"errors"
	"flag"
	"sync"
	"time"

	"example.com/seep-tests/internal/truth"
)

var errShard = errors.New("shard is gone")

// Group runs functions and keeps the first error, which stops the others.
type Group struct {
	wait   sync.WaitGroup
	once   sync.Once
	err    error
	cancel context.CancelFunc
}

func withContext(parent context.Context) (*Group, context.Context) {
	ctx, cancel := context.WithCancel(parent)
	return &Group{cancel: cancel}, ctx
}

// Go runs one function.
func (g *Group) Go(run func() error) {
	g.wait.Add(1)
	go func() {
		defer g.wait.Done()
		if err := run(); err != nil {
			g.once.Do(func() {
				g.err = err
				g.cancel()
			})
		}
	}()
}

// Wait waits for all of them.
func (g *Group) Wait() error {
	g.wait.Wait()
	g.cancel()
	return g.err
}

func main() {
	requests := flag.Int("requests", 20, "requests at a time")
	shards := flag.Int("shards", 50, "goroutines of each")
	truth.Start(nil)
	for i := 0; i < *requests; i++ {
		go serve(i, *shards)
	}
	truth.Ready()
	time.Sleep(time.Hour)
}

func serve(number, shards int) {
	for turn := number; ; turn++ {
		group, ctx := withContext(context.Background())
		answers := make(chan int)
		for shard := 0; shard < shards; shard++ {
			shard := shard
			group.Go(func() error { return ask(ctx, shard, turn, answers) })
		}
		go func() {
			group.Wait()
			close(answers)
		}()
		sum := 0
		for answer := range answers {
			sum += answer
		}
	}
}

func ask(ctx context.Context, shard, turn int, answers chan int) error {
	select {
	case <-time.After(time.Duration(100+10*shard) * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	if turn%5 == 0 && shard == 30 {
		return errShard
	}
	select {
	case answers <- shard:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// defer-in-loop/leaky: deferred calls in loops. They pile up until the function returns, and some of these never
// do. Each loop is held in its twentieth turn, and the program says how many calls it has deferred by then, and
// how many of them ran.
package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

const turns = 20

func main() {
	report("tail", func(disk *disk) { tail(disk, "events.log") })
	report("reconnect", func(disk *disk) { reconnect(disk, "db-1") })
	report("dispatch", func(disk *disk) { dispatch(disk, numbers(turns), nil) })
	report("consume", func(disk *disk) { consume(disk, numbers(turns)) })
	report("poll", func(disk *disk) { poll(context.Background(), disk) })
	report("checksum", func(disk *disk) { checksum(disk, strings.Fields(strings.Repeat("part ", turns))) })
	report("flush", func(disk *disk) { flush(disk, buckets()) })
	report("importRows", func(disk *disk) { importRows(disk, &rows{left: turns}) })
	report("include", func(disk *disk) { include(disk.open, strings.Repeat("file\n", turns)) })
	report("rotate", rotate)
}

// tail never leaves its loop.
func tail(disk *disk, path string) {
	for {
		file := disk.open(path)
		defer file.Close() // scan: defer-in-loop at certain
		file.read()
		time.Sleep(time.Millisecond)
	}
}

// reconnect has a loop without the word for it.
func reconnect(disk *disk, host string) {
	attempt := 0
again:
	connection := disk.open(host)
	defer func() { // scan: defer-in-loop at certain
		connection.Close()
	}()
	if connection.read() > 0 {
		attempt++
	}
	time.Sleep(time.Duration(attempt) * time.Microsecond)
	goto again
}

// dispatch waits for several things in turn, and none of them ends it.
func dispatch(disk *disk, jobs, urgent chan int) {
	for {
		select {
		case job := <-jobs:
			file := disk.open(fmt.Sprint(job))
			defer file.Close() // scan: defer-in-loop at certain
			file.read()
		case job := <-urgent:
			fmt.Println("urgent", job)
		}
	}
}

// consume ends when somebody closes the channel.
func consume(disk *disk, jobs <-chan int) {
	for job := range jobs {
		file := disk.open(fmt.Sprint(job))
		giveBack := file.Close
		defer giveBack() // scan: defer-in-loop at likely
		file.read()
	}
}

// poll ends with its context.
func poll(ctx context.Context, disk *disk) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			file := disk.open(now.String())
			defer file.Close() // scan: defer-in-loop at likely
			file.read()
		}
	}
}

// checksum keeps all files open until the last one is read.
func checksum(disk *disk, paths []string) (sum int) {
	for _, path := range paths {
		file := disk.open(path)
		defer file.Close() // scan: defer-in-loop at possible
		sum += file.read()
	}
	return sum
}

// flush does the same with a map.
func flush(disk *disk, buckets map[string]int) {
	for name, size := range buckets {
		if size == 0 {
			continue
		}
		file := disk.open(name)
		defer file.Close() // scan: defer-in-loop at possible
		file.read()
	}
}

// importRows goes through the answer of a database.
func importRows(disk *disk, rows *rows) error {
	for rows.Next() {
		statement := disk.open(rows.name())
		defer statement.Close() // scan: defer-in-loop at possible
		if statement.read() == 0 {
			return fmt.Errorf("no row %s", rows.name())
		}
	}
	return nil
}

// include opens a file for each line.
func include[F source](open func(string) F, text string) (size int) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		file := open(lines.Text())
		defer file.Close() // scan: defer-in-loop at possible
		size += file.read()
	}
	return size
}

// rotate has few turns, and the number is known.
func rotate(disk *disk) {
	for generation := 0; generation < 4; generation++ {
		file := disk.open(fmt.Sprintf("log.%d", generation))
		defer file.Close() // scan: defer-in-loop at possible
		file.read()
	}
}

// source is what include reads from.
type source interface {
	read() int
	Close() error
}

// disk counts what is opened and closed.
type disk struct{ deferred, ran int64 }

// file is open until it is closed.
type file struct {
	disk *disk
	name string
}

//go:noinline
func (d *disk) open(name string) *file { return &file{d, name} }

// read comes after the defer statement. In the twentieth turn it holds the loop.
//
//go:noinline
func (f *file) read() int {
	if atomic.AddInt64(&f.disk.deferred, 1) == turns {
		select {}
	}
	return len(f.name)
}

// Close is the deferred call.
//
//go:noinline
func (f *file) Close() error {
	atomic.AddInt64(&f.disk.ran, 1)
	return nil
}

// rows stands for the answer of a database.
type rows struct{ left int }

//go:noinline
func (r *rows) Next() bool {
	r.left--
	return r.left >= 0
}

func (r *rows) name() string { return fmt.Sprint("row ", r.left) }

func numbers(count int) chan int {
	queue := make(chan int, count)
	for number := 0; number < count; number++ {
		queue <- number
	}
	return queue
}

func buckets() map[string]int {
	sizes := map[string]int{}
	for number := 0; number < turns; number++ {
		sizes[fmt.Sprint("bucket ", number)] = 1 + number
	}
	return sizes
}

// report calls the function, again if it returns, until its loop is held, and says what became of its deferred calls.
func report(function string, call func(*disk)) {
	disk := &disk{}
	go func() {
		for {
			call(disk)
		}
	}()
	for atomic.LoadInt64(&disk.deferred) < turns {
		time.Sleep(time.Millisecond)
	}
	ran := atomic.LoadInt64(&disk.ran)
	fmt.Printf("{\"function\":%q,\"deferred\":%d,\"ran\":%d}\n", function, turns, ran)
}

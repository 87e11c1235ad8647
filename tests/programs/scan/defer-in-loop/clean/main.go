// defer-in-loop/clean: deferred calls beside, before, behind and within loops, of which never more than one is
// pending. Each function is held when it has deferred its twentieth call, and the program says how many calls it
// has deferred by then, how many of them ran, and how many were pending at most.
package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const turns = 20

var (
	errBusy   = errors.New("busy")
	replicas  = []string{"replica-1", "replica-2", "replica-3"}
	errSyntax = errors.New("syntax error")
)

func main() {
	report("copyFile", func(disk *disk) { copyFile(disk, "events.log", 8) })
	report("tail", func(disk *disk) { tail(disk, "events.log") })
	report("consume", func(disk *disk) { consume(disk, numbers(turns)) })
	report("readAny", func(disk *disk) { readAny(disk, replicas) })
	report("openKind", func(disk *disk) { openKind(disk, len(replicas)) })
	report("load", func(disk *disk) { load(disk, "settings") })
	report("retry", func(disk *disk) { retry(disk, "db-1") })
	report("serve", func(disk *disk) { serve(disk, "state") })
	report("sum", func(disk *disk) { sum(disk.open, replicas) })
}

// copyFile defers once, before its loop.
func copyFile(disk *disk, path string, blocks int) (size int) {
	file := disk.open(path)
	defer file.Close()
	size = file.read()
	for block := 0; block < blocks; block++ {
		size += block
	}
	return size
}

// tail never ends, but the body of its loop is a function.
func tail(disk *disk, path string) {
	for {
		func() {
			file := disk.open(path)
			defer file.Close()
			file.read()
		}()
		time.Sleep(time.Millisecond)
	}
}

// consume does the same with a range over a channel.
func consume(disk *disk, jobs <-chan int) (failed int) {
	for job := range jobs {
		job := job
		err := func() error {
			file := disk.open(fmt.Sprint(job))
			defer func() {
				file.Close()
			}()
			if file.read() == 0 {
				return errBusy
			}
			return nil
		}()
		if err != nil {
			failed++
		}
	}
	return failed
}

// readAny defers in a loop, in the turn that is the last.
func readAny(disk *disk, hosts []string) (int, error) {
	for _, host := range hosts {
		if strings.HasSuffix(host, "-1") {
			continue
		}
		connection := disk.open(host)
		defer connection.Close()
		return connection.read(), nil
	}
	return 0, errBusy
}

// openKind defers in each case of a switch.
func openKind(disk *disk, kind int) int {
	var source *file
	switch {
	case kind > 2:
		source = disk.open("archive")
		defer source.Close()
	case kind > 1:
		source = disk.open("log")
		defer func() { source.Close() }()
	default:
		return 0
	}
	return source.read()
}

// load defers in one branch, and loops afterwards.
func load(disk *disk, path string) (keys []string, err error) {
	if path != "" {
		file := disk.open(path)
		defer file.Close()
		if file.read() == 0 {
			return nil, errSyntax
		}
	}
	for _, key := range strings.Split(path, "t") {
		keys = append(keys, key)
	}
	return keys, nil
}

// retry has its loop before the defer statement.
func retry(disk *disk, host string) int {
	attempt := 0
again:
	if attempt < 2 {
		attempt++
		goto again
	}
	connection := disk.open(host)
	defer connection.Close()
	return connection.read()
}

// serve never ends, and calls a method that defers.
func serve(disk *disk, path string) {
	store := &store{disk: disk}
	for {
		store.update(path)
	}
}

type store struct {
	lock sync.Mutex
	disk *disk
	size int
}

func (s *store) update(path string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	file := s.disk.open(path)
	defer file.Close()
	s.size += file.read()
}

// sum has the body of its loop in a generic function.
func sum[F source](open func(string) F, paths []string) (size int) {
	for _, path := range paths {
		size += readWhole(open, path)
	}
	return size
}

func readWhole[F source](open func(string) F, path string) int {
	file := open(path)
	defer file.Close()
	return file.read()
}

// source is what sum reads from.
type source interface {
	read() int
	Close() error
}

// disk counts what is opened and closed.
type disk struct{ deferred, ran, most int64 }

// file is open until it is closed.
type file struct {
	disk *disk
	name string
}

//go:noinline
func (d *disk) open(name string) *file { return &file{d, name} }

// read comes after the defer statement. The twentieth time it holds the function.
//
//go:noinline
func (f *file) read() int {
	pending := atomic.LoadInt64(&f.disk.deferred) + 1 - atomic.LoadInt64(&f.disk.ran)
	if pending > atomic.LoadInt64(&f.disk.most) {
		atomic.StoreInt64(&f.disk.most, pending)
	}
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

func numbers(count int) chan int {
	queue := make(chan int, count)
	for number := 0; number < count; number++ {
		queue <- number
	}
	return queue
}

// report calls the function, again if it returns, until it is held, and says what became of its deferred calls.
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
	ran, most := atomic.LoadInt64(&disk.ran), atomic.LoadInt64(&disk.most)
	fmt.Printf("{\"function\":%q,\"deferred\":%d,\"ran\":%d,\"pending_at_most\":%d}\n", function, turns, ran, most)
}

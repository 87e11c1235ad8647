package main

import (
	"context"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"
)

// labels are those of one goroutine. They hold what could do harm on a terminal.
var labels = map[string]string{"handler": "GET /\x1b[31mred", "tenant": "blau-weiß"}

func startSystem() {
	start("main.sleep", 2, sleep)
	start("main.readPipe", 2, readPipe)
	start("main.readBySyscall", 1, readBySyscall)
	start("main.lockThread", 1, lockThread)
	start("main.labelled", 2, labelled)
	time.AfterFunc(time.Millisecond, timerFired)
	startFinalizer()
}

func sleep() { time.Sleep(time.Hour) }

// readPipe waits in the network poller.
func readPipe() {
	reader, writer, err := os.Pipe()
	check(err)
	reader.Read(make([]byte, 1))
	writer.Close()
}

// readBySyscall waits in the kernel, with a thread of its own.
func readBySyscall() {
	var pipe [2]int
	check(syscall.Pipe(pipe[:]))
	syscall.Read(pipe[0], make([]byte, 1))
}

func lockThread() {
	runtime.LockOSThread()
	<-forever
}

func labelled() {
	var pairs []string
	for key, value := range labels {
		pairs = append(pairs, key, value)
	}
	pprof.Do(context.Background(), pprof.Labels(pairs...), func(context.Context) {
		<-forever
	})
}

// timerFired runs in a goroutine that the runtime started.
func timerFired() { <-forever }

// startFinalizer makes the goroutine that runs finalizers wait in one.
func startFinalizer() {
	began := make(chan struct{})
	setFinalizer(began)
	for {
		runtime.GC()
		select {
		case <-began:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

//go:noinline
func setFinalizer(began chan struct{}) {
	runtime.SetFinalizer(&job{1, "one"}, func(*job) { finalize(began) })
}

//go:noinline
func finalize(began chan struct{}) {
	close(began)
	<-forever
}

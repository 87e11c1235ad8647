package main

import "runtime"

// startEndings starts goroutines that wait in what they deferred.
func startEndings() {
	start("main.deferredAtReturn", 1, deferredAtReturn)
	start("main.deferredInPanic", 1, deferredInPanic)
	start("main.deferredInFault", 1, deferredInFault)
	start("main.deferredInExit", 1, deferredInExit)
	start("main.recovered", 1, recovered)
	start("main.deferredInLoop", 1, deferredInLoop)
}

func waitForever() { <-forever }

func deferredAtReturn() {
	defer func() {
		waitForever()
	}()
	fill(make([]byte, 10))
}

func deferredInPanic() {
	defer func() {
		waitForever()
	}()
	panic("on purpose")
}

var nobody *job

func deferredInFault() {
	defer func() {
		waitForever()
	}()
	fill(make([]byte, 10))
	nobody.number++ // a nil pointer
	fill(make([]byte, 10))
}

func deferredInExit() {
	defer func() {
		waitForever()
	}()
	runtime.Goexit()
}

// recovered has a panic behind it and waits in the ordinary way.
func recovered() {
	func() {
		defer func() { recover() }()
		panic("on purpose")
	}()
	waitForever()
}

// deferredInLoop has some calls still pending when the last of them waits.
func deferredInLoop() {
	for i := 0; i < 10; i++ {
		defer waitForever()
	}
}

package main

import (
	"bytes"
	"runtime"
	"time"
)

// waitUntilSent returns when so many goroutines wait to send, as Go's own dump tells.
func waitUntilSent(count int) {
	dump := make([]byte, 8<<20)
	for {
		size := runtime.Stack(dump, true)
		if bytes.Count(dump[:size], []byte("[chan send")) == count {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

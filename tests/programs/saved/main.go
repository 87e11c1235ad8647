// saved holds what a snapshot must keep and what it must leave out. Texts of the program's users are heap objects without pointers; so are the buffer
// of a channel of plain values, with the channel itself, and a label's text.
package main

import (
	"context"
	"flag"
	"runtime"
	"runtime/pprof"

	"example.com/seep-tests/internal/truth"
)

var (
	senders = flag.Int("n", 40, "goroutines that send to a channel of plain numbers")
	more    = flag.Int("more", 0, "that many more")
	results = make(chan int, 3)
	// Texts lead to no other object: what they say lies in objects of its own.
	texts [][]byte
)

const (
	textCount = 2000
	textBytes = 512
)

// The text is made while the program runs, so that its executable does not hold it: "DKRYFMT…".
func makeText(size int) []byte {
	text := make([]byte, size)
	for i := range text {
		text[i] = byte('A' + (i*7+3)%26)
	}
	return text
}

// A label in the heap: "DKRYFMTAHOVC".
func labelled(work func()) {
	label := string(makeText(12))
	pprof.Do(context.Background(), pprof.Labels("customer", label), func(context.Context) { work() })
}

func send(value int) {
	results <- value // seep: send here
}

func main() {
	truth.Start(nil)
	for i := 0; i < textCount; i++ {
		texts = append(texts, makeText(textBytes))
	}
	for i := 0; i < cap(results); i++ {
		results <- i
	}
	for i := 0; i < *senders+*more; i++ {
		go labelled(func() { send(1) })
	}
	waitUntilSent(*senders + *more)
	runtime.GC()
	truth.Ready()
	select {}
}

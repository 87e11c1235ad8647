// forms has a defer statement in every place that Go allows. A comment behind a statement says
//
//	// oracle: KIND[; in a loop | no loop][; a way out | no way out]
//
// where KIND is what the compiler must make of it (heap, stack, open, or dropped: nothing calls it), "in a loop" what
// seep must say, and the rest whether that loop can be left. It is built, never run.
package main

import (
	"os"
	"sync"

	"example.com/seep-oracle-forms/helper"
)

type file struct {
	sync.Mutex
	name string
}

type closer interface{ Close() error }

func (f *file) Close() error { return os.Remove(f.name) }

//go:noinline
func busy() bool { return len(os.Args) > 2 }

//go:noinline
func release() { println("release") }

//go:noinline
func releaseNumber(n int, text string) { println(n, text) }

// keep holds on to all functions that are only named, so that the linker keeps them.
var keep []any

func main() {
	loops()
	jumps()
	shapes()
	notReally()
	generics()
	rangeFunctions()
	for _, function := range keep {
		println(function)
	}
}

func init() {
	for busy() {
		defer release() // oracle: heap; in a loop; a way out
	}
}

var atStart = func() int {
	for i := 0; i < len(os.Args); i++ {
		defer release() // oracle: heap; in a loop; a way out
	}
	return 1
}()

func nobodyCallsThis() {
	for busy() {
		defer release() // oracle: dropped
	}
}

// ---- what a statement may look like

func loops() {
	keep = append(keep, forever, whileBusy, counted, overSlice, overMap, overChannel, overText, nested, inSwitch, inSelect,
		inTypeSwitch, beside, (*file).flush, helper.Inlined(release), helper.Inlined(func() {}))
	go func() {
		for {
			defer release() // oracle: heap; in a loop; no way out
		}
	}()
}

func forever() {
	for {
		defer release() // oracle: heap; in a loop; no way out
		busy()
	}
}

func whileBusy() {
	for busy() {
		defer release() // oracle: heap; in a loop; a way out
	}
}

func counted(n int) (sum int) {
	for i := 0; i < n; i++ {
		defer func() { // oracle: heap; in a loop; a way out
			sum += i
		}()
	}
	return sum
}

func overSlice(names []string) error {
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close() // oracle: heap; in a loop; a way out
	}
	return nil
}

func overMap(files map[string]closer) {
	for name, file := range files {
		defer file.Close()              // oracle: heap; in a loop; a way out
		defer delete(files, name)       // oracle: heap; in a loop; a way out
		defer println(name, len(files)) // oracle: heap; in a loop; a way out
	}
}

func overChannel(files chan *file) {
	for file := range files {
		file.Lock()
		defer file.Unlock() // oracle: heap; in a loop; a way out
	}
}

func overText(text string) {
	for i, letter := range text {
		defer releaseNumber( // oracle: heap; in a loop; a way out
			i,
			string(letter),
		)
	}
}

func nested(table [][]int) {
	for _, row := range table {
		for _, n := range row {
			defer releaseNumber(n, "inner") // oracle: heap; in a loop; a way out
		}
		defer releaseNumber(len(row), "outer") // oracle: heap; in a loop; a way out
	}
	defer release() // oracle: stack
}

func inSwitch(numbers []int) {
	for _, n := range numbers {
		switch n {
		case 1:
			defer releaseNumber(n, "one") // oracle: heap; in a loop; a way out
		case 2:
			defer releaseNumber(n, "two") // oracle: heap; in a loop; a way out
			fallthrough
		case 3, 4, 5, 6, 7, 8, 9, 10, 11, 12:
			defer releaseNumber(n, "more") // oracle: heap; in a loop; a way out
		case 13:
			return
		default:
			if n > 100 {
				defer panic(n) // oracle: heap; in a loop; a way out
			}
		}
	}
}

func inSelect(first, second chan int, done chan struct{}) {
	for {
		select {
		case n := <-first:
			defer releaseNumber(n, "first") // oracle: heap; in a loop; a way out
		case n, ok := <-second:
			if !ok {
				defer close(first) // oracle: heap; in a loop; a way out
				continue
			}
			defer releaseNumber(n, "second") // oracle: heap; in a loop; a way out
		case <-done:
			return
		}
	}
}

func inTypeSwitch(values []any) {
	for _, value := range values {
		switch value := value.(type) {
		case int:
			defer releaseNumber(value, "int") // oracle: heap; in a loop; a way out
		case string:
			defer releaseNumber(0, value) // oracle: heap; in a loop; a way out
		case closer:
			defer func() { recover() }() // oracle: heap; in a loop; a way out
			value.Close()
		}
	}
}

// One function with every kind: what is on the heap keeps the others from being open-coded.
func beside(names []string) {
	defer release() // oracle: stack
	if len(names) > 3 {
		defer releaseNumber(1, "deep") // oracle: stack
	}
	for range names {
		defer release() // oracle: heap; in a loop; a way out
	}
	func() {
		defer release() // oracle: open
		busy()
	}()
	for range names {
		func() {
			defer release() // oracle: open
			busy()
		}()
		func() {
			for busy() {
				defer release() // oracle: heap; in a loop; a way out
			}
		}()
	}
}

func (f *file) flush() {
	for f.name != "" {
		f.Lock()
		defer f. // oracle: heap; in a loop; a way out
				Unlock()
		defer f.Mutex.Unlock() // oracle: heap; in a loop; a way out
		defer (*file).Close(f) // oracle: heap; in a loop; a way out
		function := f.Close
		defer function() // oracle: heap; in a loop; a way out
	}
}

//go:build go1.23

package main

import (
	"iter"
	"maps"
	"os"
	"slices"
)

func rangeFunctions() {
	keep = append(keep, overFunction, overMethods, overTwo, functionInLoop, loopInFunction, functionLeft, overInt,
		pairs[int], inlinedIterator, closureInBody)
	pairs(slices.Values(os.Args))
}

//go:noinline
func numbers(yield func(int) bool) {
	for n := 0; yield(n); n++ {
	}
}

// Each turn is a call of the loop's body, so there is no loop in the code that defers: Go's own.
func overFunction() {
	for n := range numbers {
		defer releaseNumber(n, "") // oracle: heap; in a loop
	}
}

func overMethods(table map[string]int) error {
	for name := range maps.Keys(table) {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close() // oracle: heap; in a loop
	}
	return nil
}

func overTwo() {
	for n := range numbers {
		for m := range numbers {
			defer releaseNumber(n*m, "") // oracle: heap; in a loop
			if m > 3 {
				break
			}
		}
		defer releaseNumber(n, "") // oracle: heap; in a loop
	}
	defer release() // oracle: stack
}

func functionInLoop() {
	for busy() {
		for n := range numbers {
			defer releaseNumber(n, "") // oracle: heap; in a loop
		}
	}
}

func loopInFunction(words []string) {
	for n := range numbers {
		for _, word := range words {
			defer releaseNumber(n, word) // oracle: heap; in a loop
		}
	}
}

func functionLeft() int {
	for n := range numbers {
		if n > 7 {
			defer releaseNumber(n, "found") // oracle: heap
			return n
		}
	}
	return 0
}

func overInt(n int) {
	for i := range n {
		defer releaseNumber(i, "") // oracle: heap; in a loop; a way out
	}
}

func pairs[T any](values iter.Seq[T]) {
	for value := range values {
		defer func() { println(&value) }() // oracle: heap; in a loop
	}
}

func inlinedIterator(words []string) {
	for word := range slices.Values(words) {
		defer releaseNumber(0, word) // oracle: heap; in a loop
	}
}

func closureInBody(words []string) {
	for n := range numbers {
		func() {
			defer release() // oracle: stack
			for _, word := range words {
				defer releaseNumber(n, word) // oracle: heap; in a loop; a way out
			}
		}()
	}
}

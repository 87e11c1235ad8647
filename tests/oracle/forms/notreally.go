package main

// Defers that the compiler puts on the heap because a loop is around them in the source, or a label above them; but
// they run at most once.

import "os"

func notReally() {
	keep = append(keep, once, onceReturn, oncePanic, behindGoto, lastTurn, never, deep, exits)
}

func once() {
	for {
		defer release() // oracle: heap; no loop
		break
	}
	busy()
}

func onceReturn(numbers []int) int {
	for _, n := range numbers {
		defer release() // oracle: heap; no loop
		return n
	}
	return 0
}

func oncePanic() {
	for busy() {
		defer release() // oracle: heap; no loop
		panic("always")
	}
}

func behindGoto() {
again:
	if busy() {
		goto again
	}
	defer release() // oracle: heap; no loop
	busy()
}

// The statement is in the loop, but each way from it leaves the loop.
func lastTurn(numbers []int) {
	for _, n := range numbers {
		if n == 7 {
			defer releaseNumber(n, "found") // oracle: heap; no loop
			break
		}
		busy()
	}
}

const debug = false

func never() {
	for busy() {
		if debug {
			defer release() // oracle: dropped
		}
	}
}

func deep(table [][]int) {
	for _, row := range table {
		for _, n := range row {
			if n == 0 {
				defer releaseNumber(n, "found") // oracle: heap; no loop
				return
			}
		}
	}
}

// The compiler does not know that os.Exit ends the program, so this is a loop for it, and one for seep.
func exits() {
	for busy() {
		defer release() // oracle: heap; in a loop; a way out
		os.Exit(1)
	}
}

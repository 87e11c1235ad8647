package main

import "example.com/seep-oracle-forms/helper"

func shapes() {
	keep = append(keep, inlinedTwice, closureInClosure, manyStack, openCoded)
}

// The closure of helper.Inlined comes along with each place it is inlined at.
func inlinedTwice(functions []func()) {
	for _, function := range functions {
		keep = append(keep, helper.Inlined(function), func() { helper.Inlined(function)() })
	}
}

func closureInClosure(n int) func() func() {
	return func() func() {
		for i := 0; i < n; i++ {
			defer releaseNumber(i, "outer") // oracle: heap; in a loop; a way out
		}
		return func() {
			for {
				defer releaseNumber(n, "inner") // oracle: heap; in a loop; a way out
				if busy() {
					return
				}
			}
		}
	}
}

// Over eight defers are never open-coded.
func manyStack() {
	defer release() // oracle: stack
	defer release() // oracle: stack
	defer release() // oracle: stack
	defer release() // oracle: stack
	defer release() // oracle: stack
	defer release() // oracle: stack
	defer release() // oracle: stack
	defer release() // oracle: stack
	defer release() // oracle: stack
	busy()
}

// A loop before and after a defer does not make it one in a loop.
func openCoded() {
	for busy() {
		release()
	}
	defer release() // oracle: open
	for busy() {
		release()
	}
}

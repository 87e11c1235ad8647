// Package helper has code that others inline or instantiate.
package helper

// Inlined is small enough to be inlined, with its closure.
func Inlined(function func()) func() {
	return func() {
		for busy() {
			defer function() // oracle: heap; in a loop; a way out
		}
	}
}

//go:noinline
func busy() bool { return false }

// Generic is instantiated in another package.
func Generic[T any](items []T) {
	for _, item := range items {
		defer func() { println(&item) }() // oracle: heap; in a loop; a way out
	}
}

// Unused is exported, and nobody calls it.
func Unused() {
	for busy() {
		defer busy() // oracle: dropped
	}
}

//go:build go1.23

package main

import (
	"fmt"
	"iter"
	"unique"
)

func count(n int) iter.Seq[*leaf] {
	return func(yield func(*leaf) bool) {
		mine := newLeaf()
		for i := 0; i < n; i++ {
			if !yield(newLeaf()) {
				return
			}
		}
		use(mine)
	}
}

// pulled iterators are goroutines that wait for each other.
func pulled() interface{} {
	var all []interface{}
	for i := 0; i < 10; i++ {
		next, stop := iter.Pull(count(5))
		next()
		fresh, _ := iter.Pull(count(5))
		all = append(all, next, stop, fresh)
	}
	inhabit(func() {
		next, stop := iter.Pull(func(yield func(*leaf) bool) {
			mine := newLeaf()
			block()
			use(mine)
		})
		defer stop()
		next()
	})
	return all
}

// ranged waits in the body of a range over a function, which is a closure on the stack, with defers of the outer function.
//
//go:noinline
func ranged() {
	outer := newLeaf()
	for l := range count(3) {
		inner := newLeaf()
		defer use(newLeaf())
		defer func() { use(inner) }()
		if l.value[0] == 0 {
			block()
		}
		use(outer)
	}
}

// uniques: those that are dropped stand in go125.go.
func uniques() interface{} {
	var all []interface{}
	for i := 0; i < 100; i++ {
		all = append(all, unique.Make(fmt.Sprint("unique ", i)), unique.Make(pair2{i % 10, "pair"}))
	}
	return all
}

type pair2 struct {
	number int
	name   string
}

func init() {
	cages = append(cages, pulled, uniques, func() interface{} { inhabit(ranged); return nil })
}

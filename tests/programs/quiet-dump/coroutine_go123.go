//go:build go1.23

package main

import "iter"

func init() {
	extras = append(extras, func() { start("main.pull", 1, pull) })
}

// pull has an iterator that waits until it is asked for more.
func pull() {
	next, stop := iter.Pull(count)
	defer stop()
	next()
	<-forever
}

func count(yield func(int) bool) {
	for number := 0; yield(number); number++ {
	}
}

//go:build go1.24

package main

import (
	"fmt"
	"runtime"
	"weak"
)

// weaklings: weak pointers to what lives, to what is dropped, to the middle of an object and to a tiny one.
func weaklings() interface{} {
	var all []interface{}
	for i := 0; i < 20; i++ {
		live, dropped := &resource{newLeaf(), fmt.Sprint("weak ", i)}, &resource{newLeaf(), "dropped"}
		array := new([10]pair)
		small := new(int16)
		all = append(all, live, weak.Make(live), weak.Make(dropped), array, weak.Make(&array[4].p), small, weak.Make(small))
	}
	return all
}

// cleanups: on live objects, several on one, and on dropped ones, whose cleanup blocks.
func cleanups() interface{} {
	var all []interface{}
	for i := 0; i < 20; i++ {
		r := &resource{newLeaf(), fmt.Sprint("cleanup ", i)}
		mine := newLeaf()
		runtime.AddCleanup(r, func(l *leaf) { mine.value[0]++ }, newLeaf())
		runtime.AddCleanup(r, func(s string) { mine.value[0]++ }, string(make([]byte, 20)))
		stopped := runtime.AddCleanup(r, func(int) { mine.value[2]++ }, 3)
		stopped.Stop()
		small := new(int32)
		runtime.AddCleanup(small, func(*leaf) {}, newLeaf())
		all = append(all, r, small)
	}
	return all
}

var inCleanup = make(chan bool, 1000)

func dropCleanups() {
	for i := 0; i < 200; i++ {
		r := &resource{newLeaf(), fmt.Sprint("cleaned ", i)}
		mine := newLeaf()
		runtime.AddCleanup(r, func(l *leaf) { inCleanup <- true; <-never; mine.value[0]++; use(l) }, newLeaf())
	}
	runtime.GC()
	if runtime.Version() >= "go1.25" { // before, the goroutine that calls them is blocked by a finalizer
		<-inCleanup
	}
}

func init() {
	cages = append(cages, weaklings, cleanups)
	drops = append(drops, dropCleanups)
}

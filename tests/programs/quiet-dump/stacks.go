package main

import (
	"fmt"
	"reflect"
	"sort"
	"sync"
)

func startStacks() {
	start("main.inlined", 2, inlined)
	start("main.generic", 1, generic)
	start("main.closures", 1, closures)
	start("main.methods", 1, methods)
	start("main.shallow", 1, shallow)
	start("main.deep", 1, deep)
	start("main.bigFrame", 1, bigFrame)
	start("main.byReflection", 1, byReflection)
	start("main.callback", 1, callback)
	start("main.parent", 1, parent)
	var waiter waiter = embedding{&server{make(chan job)}}
	go waiter.wait(1)
	go (&server{make(chan job)}).wait(2)
	go func(a, b int, c string) { fmt.Fprint(discard{}, a, b, c, <-receiveForever[string]()) }(1, 2, "three")
}

type discard struct{}

func (discard) Write(data []byte) (int, error) { return len(data), nil }

func receiveForever[T any]() chan T { return make(chan T) }

// inlined calls what the compiler puts into its place, three deep.
func inlined()                           { inlinedOuter(forever) }
func inlinedOuter(channel chan struct{}) { inlinedMiddle(channel) }
func inlinedMiddle(channel chan struct{}) {
	inlinedInner(channel)
}
func inlinedInner(channel chan struct{}) { <-channel }

type box[T any] struct{ content chan T }

//go:noinline
func (b *box[T]) take() T { return <-b.content }

//go:noinline
func takeFrom[K comparable, V any](boxes map[K]*box[V], key K) V { return boxes[key].take() }

func generic() { takeFrom(map[string]*box[job]{"key": {make(chan job)}}, "key") }

func closures() {
	channel := make(chan int)
	outer := func() {
		inner := func(extra int) int { return <-channel + extra }
		inner(1)
	}
	outer()
}

type waiter interface{ wait(number int) job }

type server struct{ jobs chan job }

//go:noinline
func (s *server) wait(number int) job {
	next := <-s.jobs
	next.number += number
	return next
}

// embedding has wait by way of a method that the compiler writes.
type embedding struct{ *server }

func methods() {
	value := (&server{make(chan job)}).wait
	through(value)
}

//go:noinline
func through(function func(int) job) { function(3) }

func shallow() { recurse(60) }
func deep()    { recurse(400) }

//go:noinline
func recurse(left int) int {
	if left == 0 {
		<-forever
		return 0
	}
	return recurse(left-1) + left
}

func bigFrame() {
	var array [64 << 10]byte
	fill(array[:])
	<-forever
	fill(array[:])
}

//go:noinline
func fill(data []byte) {
	for i := range data {
		data[i] = byte(i)
	}
}

// byReflection goes through code of the library that is written in assembly.
func byReflection() {
	kind := reflect.TypeOf(func(int, string) int { return 0 })
	made := reflect.MakeFunc(kind, func(arguments []reflect.Value) []reflect.Value {
		<-forever
		return arguments[:1]
	})
	reflect.ValueOf(made.Interface()).Call([]reflect.Value{reflect.ValueOf(1), reflect.ValueOf("x")})
}

// callback waits in a function that the library calls.
func callback() {
	sort.Slice([]int{3, 2, 1}, func(i, j int) bool {
		<-forever
		return i < j
	})
}

// parent starts a child, which is known from Go 1.21 on as "in goroutine N".
func parent() {
	var group sync.WaitGroup
	group.Add(1)
	go child(&group)
	group.Wait()
}

func child(group *sync.WaitGroup) {
	defer group.Done()
	<-forever
}

package main

import "example.com/seep-oracle-forms/helper"

func generics() {
	forEach([]int{1}, func(n int) { println(n) })
	forEach([]string{""}, func(text string) { println(text) })
	forEach([]*file{nil}, func(*file) {})
	list := &stack[float64]{}
	list.drain()
	(&stack[struct{ a, b int }]{}).drain()
	helper.Generic([]int8{1})
	helper.Generic([]error{nil})
}

func forEach[T any](items []T, visit func(T)) {
	for _, item := range items {
		defer visit(item) // oracle: heap; in a loop; a way out
		func() {
			for busy() {
				defer visit(item) // oracle: heap; in a loop; a way out
			}
		}()
	}
}

type stack[T any] struct{ items []T }

func (s *stack[T]) pop() (last T) {
	last, s.items = s.items[0], s.items[1:]
	return last
}

func (s *stack[T]) drain() {
	for len(s.items) > 0 {
		defer s.pop() // oracle: heap; in a loop; a way out
	}
}

func unusedGeneric[T any](items []T) {
	for range items {
		defer release() // oracle: dropped
	}
}

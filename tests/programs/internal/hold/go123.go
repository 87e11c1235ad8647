//go:build go1.23

package hold

import "iter"

func init() {
	Holders = append(Holders,
		Holder{Name: "coroutine", Hold: coroutine},
		Holder{Name: "coroutine-blocked", Hold: coroutineBlocked},
		Holder{Name: "range-function", Hold: rangeFunction},
		Holder{Name: "range-function-defer", Hold: rangeFunctionDefer},
	)
}

// coroutine has it on the stack of an iterator that stands still between two steps.
func coroutine(g *Gate, wake func()) {
	next, _ := iter.Pull(func(yield func(int) bool) {
		wake := wake
		yield(1)
		wake()
	})
	next()
	shelve(g, next, func(what interface{}) { what.(func() (int, bool))() })
}

// coroutineBlocked is in an iterator's step that waits, and in the caller of it.
func coroutineBlocked(g *Gate, wake func()) {
	next, _ := iter.Pull(func(yield func(int) bool) {
		<-g.C
		yield(1)
	})
	go func() {
		next()
		wake()
	}()
}

func once3(yield func(int) bool) {
	for i := 0; i < 3 && yield(i); i++ {
	}
}

func rangeFunction(g *Gate, wake func()) {
	go func() {
		for i := range once3 {
			if i == 1 {
				<-g.C
				wake()
			}
		}
	}()
}

func rangeFunctionDefer(g *Gate, wake func()) {
	go func() {
		first := wake
		wake = nil
		for i := range once3 {
			if i == 1 {
				defer first()
				first = nil
			}
		}
		<-g.C
	}()
}

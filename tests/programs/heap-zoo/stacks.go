package main

import (
	"reflect"
	"runtime"
	"sort"
	"strings"
	"sync/atomic"
	"syscall"
)

//go:noinline
func use(*leaf) {}

//go:noinline
func useAll(...interface{}) {}

// deep waits at the bottom of a recursion, with a leaf in each frame that is used on the way back.
//
//go:noinline
func deep(levels int) uintptr {
	mine, dead := newLeaf(), newLeaf()
	use(dead)
	if levels == 0 {
		block()
	} else {
		deep(levels - 1)
	}
	return mine.value[0]
}

// roomy has a large frame.
//
//go:noinline
func roomy() uintptr {
	var array [3000]pair
	for i := range array {
		if i%100 == 0 {
			array[i] = pair{newLeaf(), ghost()}
		}
	}
	holdPairs(array[:])
	return array[5].g
}

//go:noinline
func holdPairs(pairs []pair) {
	block()
	use(pairs[len(pairs)-1].p)
}

// roomiest has a variable so large that its mask is a program (up to Go 1.23).
//
//go:noinline
func roomiest() {
	var array [10000]pair
	array[9999].p, array[17].p = newLeaf(), newLeaf()
	holdPairs(array[:])
}

type onStack struct {
	next *onStack
	l    *leaf
	g    uintptr
}

// chained has variables on the stack that lead to each other, and one that nothing leads to any more.
//
//go:noinline
func chained() {
	last := onStack{nil, newLeaf(), ghost()}
	middle := onStack{&last, newLeaf(), ghost()}
	first := onStack{&middle, newLeaf(), ghost()}
	lost := onStack{nil, newLeaf(), ghost()}
	holdChain(&lost, false)
	holdChain(&first, true)
}

//go:noinline
func holdChain(o *onStack, wait bool) {
	if wait {
		block()
	}
	for ; o != nil; o = o.next {
		use(o.l)
	}
}

// dead: what is not used after the call is dead in it.
//
//go:noinline
func dead() {
	a, b, c := newLeaf(), newLeaf(), newLeaf()
	s := make([]*leaf, 10)
	s[3] = newLeaf()
	use(a)
	use(s[3])
	block()
	use(c)
	_ = b
}

// sometimes uses a variable after the wait on one way only.
//
//go:noinline
func sometimes(way bool) {
	a, b := newLeaf(), newLeaf()
	if way {
		use(a)
		block()
		use(b)
	} else {
		use(b)
		block()
		use(a)
	}
}

// crowded has more arguments and results than registers.
//
//go:noinline
func crowded(a, b, c, d, e, f, g, h, i, j, k, l, m, n *leaf, s []pair, t string, o onStack, p interface{}) (x, y, z *leaf, w onStack) {
	x, w.l = newLeaf(), newLeaf()
	block()
	use(a)
	use(n)
	use(o.l)
	useAll(s, t, p)
	return x, m, k, w
}

func crowd() {
	n := newLeaf
	crowded(n(), n(), n(), n(), n(), n(), n(), n(), n(), n(), n(), n(), n(), n(), make([]pair, 3), string(make([]byte, 20)),
		onStack{nil, n(), ghost()}, n())
}

//go:noinline
func variadic(prefix *leaf, values ...interface{}) {
	block()
	useAll(values...)
	use(prefix)
}

//go:noinline
func generic[K comparable, V any](key K, value V, make func(K) V) map[K]V {
	found := map[K]V{key: value}
	other := make(key)
	block()
	found[key] = other
	return found
}

// openCoded defers calls whose functions and arguments stand in the frame.
//
//go:noinline
func openCoded() {
	a, b := newLeaf(), newLeaf()
	d := &dog{newLeaf(), newLeaf()}
	defer use(a)
	defer func() { use(b) }()
	defer d.sound()
	block()
}

// onTheStack defers more calls than are open-coded, so that their records stand in the frame.
//
//go:noinline
func onTheStack() {
	a, b, c := newLeaf(), newLeaf(), newLeaf()
	defer use(a)
	defer func() { use(b) }()
	defer use(newLeaf())
	defer use(newLeaf())
	defer use(newLeaf())
	defer use(newLeaf())
	defer use(newLeaf())
	defer use(newLeaf())
	defer use(newLeaf())
	defer use(c)
	block()
}

// inHeap defers calls in a loop, so that their records stand in the heap, between others on the stack.
//
//go:noinline
func inHeap(level int) {
	for i := 0; i < 5; i++ {
		mine := newLeaf()
		defer func() { use(mine) }()
	}
	if level > 0 {
		onStackToo(level)
		return
	}
	block()
}

//go:noinline
func onStackToo(level int) {
	a := newLeaf()
	for i := 0; i < 2; i++ {
		defer use(newLeaf())
	}
	defer func() { use(a) }()
	inHeap(level - 1)
}

// panicking waits in a deferred call while a panic unwinds.
//
//go:noinline
func panicking(kind int) {
	local := newLeaf()
	defer func() {
		mine := newLeaf()
		block()
		recover()
		use(mine)
	}()
	defer use(local)
	thrower(kind)
	use(local)
}

//go:noinline
func thrower(kind int) *leaf {
	mine, other := newLeaf(), newLeaf()
	use(other)
	switch kind {
	case 0:
		panic(newLeaf())
	case 1:
		var nothing *vast
		nothing.g[3]++ // a signal
	case 2:
		var array []int
		array[len(mine.value)]++
	case 3:
		runtime.Goexit()
	case 4:
		thrower(1)
	case 5:
		defer func() {
			use(mine)
			thrower(0)
		}()
		thrower(1)
	case 6:
		defer thrower(1)
		var nothing *vast
		nothing.g[kind]++
	}
	return mine
}

// fault panics by a signal, and nothing is deferred in it: its variables are dead, though they are still in their slots.
//
//go:noinline
func fault(where *vast) *leaf {
	mine, other := newLeaf(), onStack{nil, newLeaf(), ghost()}
	holdChain(&other, false)
	where.g[5]++
	holdChain(&other, false)
	return mine
}

func faulting() {
	defer block()
	use(fault(nil))
}

// recovered went on after a panic, by a deferred call.
//
//go:noinline
func recovered() {
	survivor := newLeaf()
	func() {
		defer func() { recover() }()
		thrower(1)
	}()
	block()
	use(survivor)
}

// result is named and set by a deferred call that waits.
//
//go:noinline
func result() (l *leaf, err error) {
	l = newLeaf()
	defer func() {
		block()
		if err != nil {
			l = nil
		}
	}()
	thrower(1)
	return l, nil
}

type method struct{ l *leaf }

func (m method) Wait(a *leaf, n int, b *leaf) *leaf                   { block(); use(a); return m.l }
func (m *method) Hold(a *leaf, s string, f float64, x [5]*leaf) *leaf { block(); use(x[4]); return m.l }

// reflected calls through reflect's stubs, whose arguments no map describes.
func reflected() {
	kind := reflect.TypeOf(func(*leaf, int, []pair, *leaf) *leaf { return nil })
	inhabit(func() {
		made := reflect.MakeFunc(kind, func(in []reflect.Value) []reflect.Value {
			block()
			return in[:1]
		}).Interface().(func(*leaf, int, []pair, *leaf) *leaf)
		use(made(newLeaf(), 3, make([]pair, 2), newLeaf()))
	})
	many := reflect.TypeOf(func([20]*leaf, *leaf, interface{}) {})
	inhabit(func() {
		reflect.MakeFunc(many, func(in []reflect.Value) []reflect.Value {
			block()
			use(in[1].Interface().(*leaf))
			return nil
		}).Interface().(func([20]*leaf, *leaf, interface{}))([20]*leaf{newLeaf(), 19: newLeaf()}, newLeaf(), newLeaf())
	})
	inhabit(func() {
		value := reflect.ValueOf(method{newLeaf()}).Method(0).Interface().(func(*leaf, int, *leaf) *leaf)
		use(value(newLeaf(), 4, newLeaf()))
	})
	inhabit(func() {
		value := reflect.ValueOf(&method{newLeaf()}).MethodByName("Hold").Interface().(func(*leaf, string, float64, [5]*leaf) *leaf)
		use(value(newLeaf(), string(make([]byte, 30)), 1, [5]*leaf{newLeaf(), 4: newLeaf()}))
	})
	inhabit(func() {
		reflect.ValueOf(crowd).Call(nil)
	})
	inhabit(func() {
		reflect.ValueOf(&method{newLeaf()}).MethodByName("Hold").Call([]reflect.Value{
			reflect.ValueOf(newLeaf()), reflect.ValueOf(string(make([]byte, 30))), reflect.ValueOf(1.5), reflect.ValueOf([5]*leaf{4: newLeaf()})})
	})
}

type slowSort struct{ pairs []pair }

func (s slowSort) Len() int           { return len(s.pairs) }
func (s slowSort) Swap(i, j int)      { s.pairs[i], s.pairs[j] = s.pairs[j], s.pairs[i] }
func (s slowSort) Less(i, j int) bool { block(); return s.pairs[i].g < s.pairs[j].g }

// callbacks wait in functions that the library calls.
func callbacks() {
	inhabit(func() { sort.Sort(slowSort{make([]pair, 5)}) })
	inhabit(func() {
		s := []*leaf{newLeaf(), newLeaf(), newLeaf()}
		sort.Slice(s, func(i, j int) bool { block(); return s[i].value[0] < s[j].value[1] })
	})
	inhabit(func() {
		mine := newLeaf()
		strings.Map(func(r rune) rune { block(); use(mine); return r }, string(make([]byte, 50)))
	})
}

// selects wait for many channels at once.
//
//go:noinline
func selects() {
	mine := newLeaf()
	a, b, c, d := make(chan *leaf), make(chan mixed), make(chan *leaf), make(chan wide)
	value := mixed{a: newLeaf(), g: ghost()}
	parked.Done()
	select {
	case l := <-a:
		use(l)
	case b <- value:
	case c <- newLeaf():
	case w := <-d:
		use(w.head)
	case <-never:
	}
	use(mine)
}

func manyCases() {
	var cases []reflect.SelectCase
	for i := 0; i < 200; i++ {
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectSend, Chan: reflect.ValueOf(make(chan *leaf)), Send: reflect.ValueOf(newLeaf())})
	}
	parked.Done()
	reflect.Select(cases)
}

// What is sent stands on the sender's stack.
func senders(to chan mixed, from chan wide) {
	inhabit(func() { value := mixed{a: newLeaf(), g: ghost(), s: make([]byte, 30)}; parked.Done(); to <- value })
	inhabit(func() { parked.Done(); w := <-from; use(w.head); use(w.foot) })
	inhabit(func() { parked.Done(); var none chan *leaf; none <- newLeaf() })
	inhabit(func() { mine := newLeaf(); parked.Done(); defer use(mine); select {} })
}

// In a system call, with a pointer that is used later.
func inSyscall() {
	var ends [2]int
	if syscall.Pipe(ends[:]) != nil {
		return
	}
	mine, buffer := newLeaf(), make([]byte, 100)
	parked.Done()
	syscall.Read(ends[0], buffer)
	use(mine)
}

func locked() {
	runtime.LockOSThread()
	mine := newLeaf()
	block()
	use(mine)
}

var stop uint32

// turn is interrupted by a signal: no map holds where it stands.
//
//go:noinline
func turn(a *leaf, b *[9]*leaf, chain onStack, c [3]*leaf) uintptr {
	for atomic.LoadUint32(&stop) == 0 {
	}
	return a.value[0] + b[8].value[1] + chain.l.value[2] + c[2].value[0]
}

func spin(count int) {
	for i := 0; i < count; i++ {
		go func() {
			turn(newLeaf(), &[9]*leaf{newLeaf(), 8: newLeaf()}, onStack{nil, newLeaf(), 0}, [3]*leaf{2: newLeaf()})
		}()
	}
}

func stacks() interface{} {
	for _, run := range []func(){
		func() { deep(3) }, func() { deep(10000) }, func() { roomy() }, roomiest, chained, dead,
		func() { sometimes(true) }, func() { sometimes(false) }, crowd,
		func() { variadic(newLeaf(), newLeaf(), 3, string(make([]byte, 9)), ghost()) },
		func() { generic(3, newLeaf(), func(int) *leaf { return newLeaf() }) },
		func() { generic("key", mixed{a: newLeaf()}, func(string) mixed { return mixed{} }) },
		func() { generic(newLeaf(), []*leaf{newLeaf()}, func(l *leaf) []*leaf { return []*leaf{l} }) },
		faulting, openCoded, onTheStack, func() { inHeap(0) }, func() { inHeap(3) }, func() { result() }, recovered,
		selects, manyCases, inSyscall, locked,
	} {
		inhabit(run)
	}
	for kind := 0; kind <= 6; kind++ {
		kind := kind
		inhabit(func() { panicking(kind) })
	}
	to, from := make(chan mixed), make(chan wide)
	senders(to, from)
	reflected()
	callbacks()
	return []interface{}{to}
}

func init() { cages = append(cages, stacks) }

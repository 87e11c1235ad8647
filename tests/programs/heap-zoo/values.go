package main

import (
	"bytes"
	"container/heap"
	"container/list"
	"container/ring"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"time"
)

type (
	bigKey   [20]uintptr
	bigValue struct {
		p *leaf
		g [30]uintptr
	}
)

// maps makes maps of many kinds of keys and values: large ones are kept outside the bucket.
func maps() interface{} {
	var all []interface{}
	for _, n := range []int{0, 1, 7, 8, 9, 13, 14, 100, 1000, 1793} {
		numbers := map[int]int{}
		pointers := map[int]*leaf{}
		names := map[string]*leaf{}
		keys := map[*leaf]uintptr{}
		set := map[*leaf]struct{}{}
		structs := map[pair]mixed{}
		large := map[bigKey]bigValue{}
		any := map[interface{}]interface{}{}
		funcs := map[int32]func() *leaf{}
		nested := map[string]map[string]*leaf{}
		bytes := map[byte]*leaf{}
		zero := map[struct{}]*leaf{}
		for i := 0; i < n; i++ {
			mine := newLeaf()
			numbers[i] = int(ghost())
			pointers[i] = newLeaf()
			names[fmt.Sprint("name ", i)] = newLeaf()
			keys[newLeaf()] = ghost()
			set[newLeaf()] = struct{}{}
			structs[pair{newLeaf(), ghost()}] = mixed{a: newLeaf(), g: ghost()}
			large[bigKey{uintptr(i)}] = bigValue{p: newLeaf()}
			any[i], any[fmt.Sprint(i)] = newLeaf(), i
			funcs[int32(i)] = func() *leaf { return mine }
			nested[fmt.Sprint(i%10)] = map[string]*leaf{"a": newLeaf()}
			bytes[byte(i)] = newLeaf()
			zero[struct{}{}] = newLeaf()
		}
		for i := 0; i < n; i += 3 { // holes
			delete(pointers, i)
			delete(large, bigKey{uintptr(i)})
			delete(any, i)
		}
		sized := make(map[string]*leaf, n)
		for i := 0; i < n/2; i++ {
			sized[fmt.Sprint(i)] = newLeaf()
		}
		made := reflect.MakeMap(reflect.MapOf(reflect.TypeOf(int16(0)), reflect.ArrayOf(3, reflect.TypeOf(pair{}))))
		for i := 0; i < n; i++ {
			made.SetMapIndex(reflect.ValueOf(int16(i)), reflect.ValueOf(filled(reflect.ArrayOf(3, reflect.TypeOf(pair{})))).Elem())
		}
		all = append(all, numbers, pointers, names, keys, set, structs, large, any, funcs, nested, bytes, zero, sized, made.Interface())
	}
	cleared := map[int]*leaf{}
	for i := 0; i < 1000; i++ {
		cleared[i] = newLeaf()
	}
	for i := range cleared {
		delete(cleared, i)
	}
	return append(all, cleared)
}

type nothing struct{}

// channels makes channels whose buffers are full, half full and were full.
func channels() interface{} {
	var all []interface{}
	for _, n := range []int{1, 3, 64, 100, 5000} {
		pointers, values, numbers := make(chan *leaf, n), make(chan mixed, n), make(chan uintptr, n)
		functions, empty := make(chan func(), n), make(chan nothing, n)
		made := reflect.MakeChan(reflect.ChanOf(reflect.BothDir, reflect.TypeOf(wide{})), 5)
		made.Send(reflect.ValueOf(filled(reflect.TypeOf(wide{}))).Elem())
		for i := 0; i < n; i++ {
			mine := newLeaf()
			pointers <- newLeaf()
			values <- mixed{a: newLeaf(), g: ghost()}
			numbers <- ghost()
			functions <- func() { mine.value[0]++ }
			empty <- nothing{}
		}
		for i := 0; i < n/2; i++ {
			<-pointers
			<-values
			<-functions
		}
		all = append(all, pointers, values, numbers, functions, empty, made.Interface())
	}
	return all
}

type animal interface{ sound() *leaf }
type cat struct{ l *leaf }
type dog struct{ a, b *leaf }

func (c cat) sound() *leaf  { return c.l }
func (d *dog) sound() *leaf { return d.b }

// functions makes closures, method values, and interfaces with values and pointers.
func functions() interface{} {
	var all []interface{}
	for i := 0; i < 20; i++ {
		one, two, number := newLeaf(), newLeaf(), ghost()
		text := fmt.Sprint("closure ", i)
		c, d := cat{newLeaf()}, &dog{newLeaf(), newLeaf()}
		counter := func() *leaf { one.value[0]++; return one }
		all = append(all, counter, func() string { number++; return text + fmt.Sprint(two, number) },
			c.sound, d.sound, animal(c), animal(d), animal(&c), cat.sound, (*dog).sound,
			interface{}(number), interface{}(text), interface{}(3.5), error(fmt.Errorf("inner: %w", io.EOF)))
	}
	return all
}

type numbers []int

func (n numbers) Len() int            { return len(n) }
func (n numbers) Less(i, j int) bool  { return n[i] < n[j] }
func (n numbers) Swap(i, j int)       { n[i], n[j] = n[j], n[i] }
func (n *numbers) Push(x interface{}) { *n = append(*n, x.(int)) }
func (n *numbers) Pop() interface{}   { return nil }

// library holds what programs hold of the standard library.
func library() interface{} {
	var buffer bytes.Buffer
	fmt.Fprintf(&buffer, "%1000d", 1)
	buffer.Next(100)
	var builder strings.Builder
	builder.WriteString(strings.Repeat("builder", 50))
	l := list.New()
	r := ring.New(10)
	var h numbers
	for i := 0; i < 100; i++ {
		l.PushBack(newLeaf())
		r.Value = newLeaf()
		r = r.Next()
		heap.Push(&h, i)
	}
	for element := l.Front(); element != nil && l.Len() > 50; {
		next := element.Next()
		l.Remove(element)
		element = next
	}
	var decoded interface{}
	if err := json.Unmarshal([]byte(`{"a":[1,2,{"b":null,"c":["x","y"]}],"d":{"e":1.5}}`), &decoded); err != nil {
		panic(err)
	}
	number := new(big.Int).Exp(big.NewInt(3), big.NewInt(10000), nil)
	expression := regexp.MustCompile(`^(a+|b*)[c-z]{2,5}(?:foo|bar)\d+$`)
	expression.MatchString("aacdfoo12")
	page := template.Must(template.New("page").Parse(`{{range .}}{{.Name | printf "%q"}}{{end}}`))
	page.Execute(io.Discard, []struct{ Name string }{{"x"}})
	return []interface{}{&buffer, &builder, l, r, &h, decoded, number, expression, page,
		strings.NewReplacer("a", "b", "cc", "d"), time.Now(), &sync.Map{}}
}

// contexts makes a tree of contexts of all kinds.
func contexts() interface{} {
	type key struct{ name string }
	var all []interface{}
	root, cancel := context.WithCancel(context.Background())
	all = append(all, cancel)
	for i := 0; i < 10; i++ {
		child, cancel := context.WithTimeout(root, time.Hour)
		value := context.WithValue(child, key{fmt.Sprint(i)}, newLeaf())
		grandchild, stop := context.WithCancel(value)
		if i%2 == 0 {
			stop()
		}
		all = append(all, grandchild, cancel, stop)
		inhabit(func() { parked.Done(); <-grandchild2(grandchild, i) })
	}
	return all
}

// Those that were stopped wait for something else.
func grandchild2(c context.Context, i int) <-chan struct{} {
	if c.Err() != nil {
		return nil
	}
	return c.Done()
}

// timers makes timers and tickers, kept, stopped and dropped.
func timers() interface{} {
	var all []interface{}
	for i := 0; i < 20; i++ {
		mine := newLeaf()
		stopped := time.AfterFunc(time.Hour, func() { mine.value[1]++ })
		stopped.Stop() // some time later it leaves its P's list: so it is kept otherwise
		all = append(all, time.NewTimer(time.Hour), time.NewTicker(time.Hour), time.After(time.Hour), stopped)
		time.AfterFunc(time.Hour, func() { mine.value[0]++ })
		time.NewTimer(time.Hour)
	}
	return all
}

type resource struct {
	held *leaf
	name string
}

// finalizers sets finalizers on objects that live, and on some that are dropped: the first of those blocks the goroutine that
// calls them, so that the others wait in the queue.
func finalizers() interface{} {
	var all []interface{}
	for i := 0; i < 20; i++ {
		r := &resource{newLeaf(), fmt.Sprint("resource ", i)}
		mine := newLeaf()
		runtime.SetFinalizer(r, func(r *resource) { mine.value[0]++ })
		small := new(int32)
		runtime.SetFinalizer(small, func(*int32) { mine.value[1]++ })
		whole := &[3]pair{{newLeaf(), ghost()}}
		runtime.SetFinalizer(whole, func(*[3]pair) {})
		noscan := &[9]uintptr{ghost()}
		runtime.SetFinalizer(noscan, func(*[9]uintptr) { mine.value[2]++ })
		all = append(all, r, small, whole, noscan)
	}
	return all
}

var inFinalizer = make(chan bool)

// dropFinalizers needs a collection of its own: then the queue holds what the finalizer that blocks left there.
func dropFinalizers() {
	for i := 0; i < 30; i++ {
		r := &resource{newLeaf(), fmt.Sprint("dropped ", i)}
		mine := newLeaf()
		runtime.SetFinalizer(r, func(r *resource) {
			if inFinalizer != nil {
				close(inFinalizer)
				inFinalizer = nil
			}
			<-never
			mine.value[0]++
		})
	}
	entered := inFinalizer
	runtime.GC()
	<-entered
}

var pool, unused sync.Pool

// pools: what is put back right before the last collection outlives it.
func pools() interface{} {
	pool.New = func() interface{} { return &resource{newLeaf(), "new"} }
	unused.Put(newLeaf())
	return pool.Get()
}

func refill() {
	for i := 0; i < 10; i++ {
		pool.Put(&resource{newLeaf(), fmt.Sprint("pooled ", i)})
	}
}

// locks: those who wait for a lock are known to the lock's table of waiters.
func locks() interface{} {
	type guarded struct {
		mutex sync.Mutex
		rw    sync.RWMutex
		cond  *sync.Cond
		group sync.WaitGroup
		once  sync.Once
		value atomic.Value
	}
	var all []interface{}
	for i := 0; i < 5; i++ {
		g := &guarded{}
		g.cond = sync.NewCond(&sync.Mutex{})
		g.value.Store(newLeaf())
		g.mutex.Lock()
		g.rw.Lock()
		g.group.Add(1)
		for j := 0; j < 3; j++ {
			mine := newLeaf()
			inhabit(func() { parked.Done(); g.mutex.Lock(); mine.value[0]++ })
			inhabit(func() { parked.Done(); g.rw.RLock(); mine.value[1]++ })
			inhabit(func() { parked.Done(); g.rw.Lock() })
			inhabit(func() { g.cond.L.Lock(); parked.Done(); g.cond.Wait(); mine.value[2]++ })
			inhabit(func() { parked.Done(); g.group.Wait() })
			inhabit(func() { parked.Done(); g.once.Do(func() { mine.value[0]++; <-never }) })
		}
		if i%2 == 0 {
			all = append(all, g)
		}
	}
	return all
}

func labels() interface{} {
	for i := 0; i < 5; i++ {
		set := pprof.Labels("request", fmt.Sprint("label ", i))
		inhabit(func() { pprof.Do(context.Background(), set, func(context.Context) { block() }) })
	}
	return nil
}

func files() interface{} {
	read, write, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	inhabit(func() { parked.Done(); buffer := make([]byte, 64); read.Read(buffer) })
	return write
}

func init() {
	cages = append(cages, maps, channels, functions, library, contexts, timers, finalizers, pools, locks, labels, files)
}

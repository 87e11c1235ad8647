// A known number of objects of each of many types, each reached in one way only: through maps, slices, channels, closures, interfaces, generic types,
// embedded structs, from variables and from stacks. It prints how many of each there are, by the name that Go's own %T gives, and waits.
package main

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"example.com/seep-tests/internal/truth"
)

var sampled = flag.Bool("sampled", false, "the heap profile samples every object")

// How many of a type. A closure is counted by the name of its function.
var counts = map[string]int{}

func made(example interface{}, n int) {
	name := fmt.Sprintf("%T", example)
	counts[name] += n
	if fields[name] == nil && reflect.TypeOf(example).Kind() == reflect.Struct {
		fields[name] = map[uintptr]string{}
		walk(reflect.TypeOf(example), 0, "", fields[name])
	}
}

// How a struct's parts are called, by their offset.
var fields = map[string]map[uintptr]string{}

func walk(t reflect.Type, offset uintptr, path string, found map[uintptr]string) {
	switch t.Kind() {
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			walk(t.Field(i).Type, offset+t.Field(i).Offset, path+"."+t.Field(i).Name, found)
		}
	case reflect.Array:
		for i := 0; i < t.Len(); i++ {
			walk(t.Elem(), offset+uintptr(i)*t.Elem().Size(), fmt.Sprint(path, "[", i, "]"), found)
		}
	default:
		if offset%8 == 0 {
			found[offset] = path
		}
	}
}

type session struct {
	id    int
	user  string
	next  *session
	state [3]*grain
}

type grain struct{ weight, size, number, count int }

type node struct {
	before, after *node
	load          *grain
}

type item struct {
	name  string
	leaf  *leaf
	extra int
}

type leaf struct{ numbers [5]uintptr }

type order struct {
	lines []line
	total int
}

type line struct {
	text  *string
	count int
}

type key struct{ group, number int }

type big struct {
	owner *owner
	data  [20]uint64
}

type owner struct{ number, share, rest int }

type message struct {
	body *body
	kind int
}

type body struct{ numbers [7]int }

type captured struct {
	deep *deep
	size int
}

type deep struct{ numbers [9]int }

type shape interface{ area() float64 }

type circle struct {
	radius float64
	center *point
}

type point struct{ x, y, z float64 }

type square struct {
	side  float64
	label *label
	more  [2]int
}

type label struct{ numbers [11]int }

func (c *circle) area() float64 { return c.radius }
func (s square) area() float64  { return s.side }

type box[T any] struct {
	value T
	next  *box[T]
}

type user struct {
	mail  *mail
	login [4]int
}

type mail struct{ numbers [13]int }

type admin struct {
	*user
	level int
}

type account struct {
	admin
	note *note
}

type note struct{ numbers [6]int }

type table struct {
	rows  [100]*row
	names [20]string
}

type row struct{ numbers [15]int }

type hidden struct{ numbers [8]int }

type shared struct {
	lock   sync.Mutex
	values atomic.Value
}

type stored struct {
	part *part
	size int
}

type part struct{ numbers [10]int }

type holder struct {
	guest *guest
	name  [3]int
}

type guest struct{ numbers [12]int }

type worker struct {
	jobs  chan *job
	done  *grain2
	count int
}

type job struct{ numbers [14]int }

type grain2 struct{ numbers [16]int }

// What variables lead to.
var (
	sessions  map[string]*session
	list      *node
	items     []item
	orders    map[int]*order
	bigs      map[key]big
	channels  []chan message
	integers  []chan int
	counters  []func() int
	shapes    []shape
	anything  []interface{}
	boxes     *box[int]
	pairs     *box[*point2]
	accounts  []*account
	tables    []*table
	twice     **twice2
	common    *shared
	holders   map[*holder]bool
	inner     struct{ first, second *hidden }
	sets      map[string]map[int]*member
	functions map[string]func() *captured
	arrays    *[3]*[4]*cell
	words     []string
)

type point2 struct{ numbers [17]int }
type twice2 struct{ numbers [18]int }
type member struct{ numbers [19]int }
type cell struct{ numbers [21]int }

func sessionsAndLists() {
	sessions = map[string]*session{}
	for i := 0; i < 1000; i++ {
		s := &session{id: i, user: fmt.Sprint("a user with the number ", i)}
		for k := range s.state {
			s.state[k] = &grain{weight: i}
		}
		sessions[s.user] = s
	}
	made(session{}, 1000)
	made(grain{}, 3000)
	for i := 0; i < 500; i++ {
		list = &node{after: list, load: &grain{size: i}}
		if list.after != nil {
			list.after.before = list
		}
	}
	made(node{}, 500)
	made(grain{}, 500)
	items = make([]item, 300)
	for i := range items {
		items[i] = item{name: strings.Repeat("x", 20), leaf: &leaf{}}
	}
	made(items, 1)
	made(leaf{}, 300)
}

func maps() {
	orders = map[int]*order{}
	for i := 0; i < 200; i++ {
		text := strings.Repeat("t", 40)
		orders[i] = &order{lines: []line{{&text, 1}, {&text, 2}, {&text, 3}}}
	}
	made(order{}, 200)
	made([]line{}, 200)
	bigs = map[key]big{}
	for i := 0; i < 50; i++ {
		bigs[key{i, i}] = big{owner: &owner{number: i}}
	}
	made(big{}, 50)
	made(owner{}, 50)
	holders = map[*holder]bool{}
	for i := 0; i < 80; i++ {
		holders[&holder{guest: &guest{}}] = true
	}
	made(holder{}, 80)
	made(guest{}, 80)
	sets = map[string]map[int]*member{}
	for i := 0; i < 30; i++ {
		set := map[int]*member{}
		for k := 0; k < 5; k++ {
			set[k] = &member{}
		}
		sets[fmt.Sprint(i)] = set
	}
	made(map[int]*member{}, 30)
	made(member{}, 150)
}

func channelsAndClosures() {
	for i := 0; i < 20; i++ {
		c := make(chan message, 10)
		for k := 0; k < 7; k++ {
			c <- message{body: &body{}}
		}
		channels = append(channels, c)
	}
	made(make(chan message), 20)
	counts["chan buffer of main.message"] = 20
	made(body{}, 140)
	for i := 0; i < 30; i++ {
		integers = append(integers, make(chan int, i))
	}
	made(make(chan int), 30)
	for i := 0; i < 40; i++ {
		counters = append(counters, count(&captured{deep: &deep{}}, i))
	}
	counts["closure of main.count.func1"] = 40
	made(captured{}, 40)
	made(deep{}, 40)
}

//go:noinline
func count(c *captured, i int) func() int {
	return func() int { c.size++; return c.size + i }
}

func interfaces() {
	for i := 0; i < 60; i++ {
		shapes = append(shapes, &circle{center: &point{}}, square{label: &label{}})
		anything = append(anything, circle{center: &point{}}, &square{label: &label{}})
	}
	made(circle{}, 120)
	made(square{}, 120)
	made(point{}, 120)
	made(label{}, 120)
	for i := 0; i < 25; i++ {
		boxes = &box[int]{i, boxes}
		pairs = &box[*point2]{&point2{}, pairs}
	}
	made(box[int]{}, 25)
	made(box[*point2]{}, 25)
	made(point2{}, 25)
}

func structs() {
	for i := 0; i < 15; i++ {
		accounts = append(accounts, &account{admin: admin{user: &user{mail: &mail{}}}, note: &note{}})
	}
	made(account{}, 15)
	made(user{}, 15)
	made(mail{}, 15)
	made(note{}, 15)
	for i := 0; i < 10; i++ {
		t := &table{}
		for k := range t.rows {
			t.rows[k] = &row{}
		}
		tables = append(tables, t)
	}
	made(table{}, 10)
	made(row{}, 1000)
	once := &twice2{}
	twice = &once
	made(twice2{}, 1)
	made(once, 1)
	inner.first, inner.second = &hidden{}, &hidden{}
	made(hidden{}, 2)
	common = &shared{}
	common.values.Store(&stored{part: &part{}})
	made(shared{}, 1)
	made(stored{}, 1)
	made(part{}, 1)
	arrays = &[3]*[4]*cell{}
	for i := range arrays {
		arrays[i] = &[4]*cell{{}, {}, {}, {}}
	}
	made([3]*[4]*cell{}, 1)
	made([4]*cell{}, 3)
	made(cell{}, 12)
	words = strings.Fields(strings.Repeat("some words that share one text ", 10))
}

var ready sync.WaitGroup

func (w *worker) work() {
	ready.Done()
	for j := range w.jobs {
		w.count += j.numbers[0]
	}
	w.done.numbers[0]++
}

func workers() {
	for i := 0; i < 8; i++ {
		w := &worker{jobs: make(chan *job), done: &grain2{}}
		ready.Add(1)
		go w.work()
	}
	ready.Wait()
	made(worker{}, 8)
	made(grain2{}, 8)
	made(make(chan *job), 8)
}

func main() {
	truth.Start(nil)
	runtime.MemProfile(nil, true) // a program that cannot be asked for its profile takes no samples
	if *sampled {
		runtime.MemProfileRate = 1
	}
	sessionsAndLists()
	maps()
	channelsAndClosures()
	interfaces()
	structs()
	workers()
	runtime.GC()
	runtime.GC()
	truth.Event("ready", truth.Fields{"types": counts, "fields": fields})
	block()
}

// block stands still without allocating anything.
func block() {
	var ends [2]int
	if syscall.Pipe(ends[:]) != nil {
		os.Exit(1)
	}
	syscall.Read(ends[0], make([]byte, 1))
}

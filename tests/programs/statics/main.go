// statics has variables that get their values from the compiler and the linker: they lead to objects in the data segment that have no names of their own, and
// these to maps and slices of the heap. Other variables are structs and arrays. What each leads to is of a type of its own.
package main

import (
	"fmt"
	"io"
	"runtime"
	"time"

	"example.com/seep-tests/internal/truth"
)

type (
	entry struct{ data [100]byte }
	row   struct{ data [200]byte }
	fact  struct{ data [300]byte }
	job   struct{ data [400]byte }
	trip  struct{ data [450]byte }
	user  struct{ data [500]byte }
	hit   struct{ data [600]byte }
	mark  struct{ data [650]byte }
	box   struct{ data [700]byte }
)

// A registry is made nowhere and nobody asks for its type: only debug information has it.
type registry struct {
	name  string
	known map[string]*entry
}

type rows interface{ put(i int) }

type memory struct {
	name        string
	even, other []*row
}

func (m *memory) put(i int) {
	if i%2 == 0 {
		m.even = append(m.even, &row{})
	} else {
		m.other = append(m.other, &row{})
	}
}

type server struct {
	name  string
	inner *part
}

type part struct {
	id          int
	facts, more map[int]*fact
}

// A queue has a descriptor, and a method that is called on the one that a variable leads to: in a stripped program that tells its type.
type queue struct {
	name string
	jobs []*job
}

func newQueue(name string) *queue { return &queue{name: name} }

//go:noinline
func (q *queue) add() { q.jobs = append(q.jobs, &job{}) }

type route struct {
	name  string
	trips []*trip
}

type application struct {
	name         string
	users, other map[int]*user
}

// A depot is like a queue, but a variable of its own.
type depot struct {
	name         string
	spare, boxes []*box
}

//go:noinline
func (d *depot) add() {
	d.boxes = append(d.boxes, &box{})
	if len(d.spare) < 3 {
		d.spare = append(d.spare, &box{})
	}
}

var (
	reg          = &registry{name: "r", known: map[string]*entry{}}
	store   rows = &memory{name: "m"}
	srv          = &server{name: "s", inner: &part{id: 1, facts: map[int]*fact{}, more: map[int]*fact{}}}
	pending      = newQueue("q")
	routes       = []route{{name: "a"}, {name: "b"}}

	goods depot
	app   application
	table [8]struct {
		n    int
		hits []*hit
	}
	anon struct {
		pad  [3]int
		a, b map[string]*mark
	}
)

//go:noinline
func fill(n int) {
	app.users, app.other = map[int]*user{}, map[int]*user{}
	anon.a, anon.b = map[string]*mark{}, map[string]*mark{}
	for i := 0; i < n; i++ {
		reg.known[fmt.Sprint(i)] = &entry{}
		store.put(i)
		srv.inner.facts[i] = &fact{}
		srv.inner.more[i] = &fact{}
		pending.add()
		goods.add()
		routes[1].trips = append(routes[1].trips, &trip{})
		app.users[i] = &user{}
		table[3].hits = append(table[3].hits, &hit{})
		anon.b[fmt.Sprint(i)] = &mark{}
	}
}

func main() {
	fmt.Fprintf(io.Discard, "%T %T", queue{}, depot{})
	truth.Start(nil)
	fill(500)
	runtime.GC()
	time.Sleep(50 * time.Millisecond)
	truth.Ready()
	time.Sleep(time.Hour)
	fill(1)
}

package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand"
	"reflect"
	"sort"
	"strings"
	"sync"
)

var busy = flag.Int("busy", 0, "goroutines that make objects and drop them all the time")

type tree struct {
	left, right *tree
	g           uintptr
	text        []byte
}

func plant(depth int) *tree {
	if depth == 0 {
		return nil
	}
	return &tree{plant(depth - 1), plant(depth - 1), ghost(), make([]byte, rand.Intn(100))}
}

var (
	exchange = make(chan interface{}, 50)
	board    sync.Map
	boardMu  sync.Mutex
	notes    = map[string]*tree{}
)

// work is what a server does for one request, more or less: whenever the collector stops it, something else is on its stack.
func work(number int) (found int) {
	mine := plant(4 + rand.Intn(5))
	shape := shapes[rand.Intn(len(shapes))]
	defer func() {
		if recover() != nil && mine != nil {
			found = len(mine.text)
		}
	}()
	slice := reflect.MakeSlice(reflect.SliceOf(shape), 1+rand.Intn(10), 20)
	fill(slice.Index(0))
	select {
	case exchange <- slice.Interface():
	case other := <-exchange:
		board.Store(number, other)
	}
	index := map[int]*tree{}
	for i := 0; i < rand.Intn(200); i++ {
		index[i] = mine
		defer func() { delete(index, 0) }()
	}
	var buffer bytes.Buffer
	for _, word := range strings.Fields(strings.Repeat("some words ", rand.Intn(30))) {
		fmt.Fprintf(&buffer, "%s %v ", word, &mine.g)
	}
	boardMu.Lock()
	notes[fmt.Sprint(rand.Intn(300))] = mine
	delete(notes, fmt.Sprint(rand.Intn(300)))
	boardMu.Unlock()
	done := make(chan *tree)
	go func() { done <- plant(3) }()
	leaves := []*tree{mine, <-done, plant(1)}
	sort.Slice(leaves, func(i, j int) bool { return len(leaves[i].text) < len(leaves[j].text) })
	if rand.Intn(3) == 0 {
		var nothing *vast
		nothing.g[3]++
	}
	return walk(leaves[0], index, 0)
}

func walk(t *tree, index map[int]*tree, depth int) int {
	if t == nil {
		return 0
	}
	local := onStack{nil, newLeaf(), ghost()}
	holdChain(&local, false)
	copied := append([]byte(nil), t.text...)
	return len(copied) + walk(t.left, index, depth+1) + walk(t.right, index, depth+1) + int(local.l.value[0])
}

func toil(count int) {
	for i := 0; i < count; i++ {
		go func() {
			for number := 0; ; number++ {
				work(number % 100)
			}
		}()
	}
}

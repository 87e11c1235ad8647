// objects holds -n small objects, 96 bytes each, that lead to each other: as a random tree, or as a list of lists. It collects, prints one line,
// and waits. Run with GODEBUG=gctrace=1 to see what the collector's marking cost.
package main

import (
	"flag"
	"fmt"
	"runtime"
	"time"
)

type item struct {
	left, right, next *item
	name              string
	data              [7]uint64
}

var roots []*item

// Every item is hung under a random earlier one: nothing that is marked one after the other lies together.
func tree(n int) {
	all := make([]*item, n)
	random := uint64(88172645463325252)
	for i := range all {
		all[i] = &item{}
		random ^= random << 13
		random ^= random >> 7
		random ^= random << 17
		if i == 0 {
			continue
		}
		parent := all[random%uint64(i)]
		switch {
		case parent.left == nil:
			parent.left = all[i]
		case parent.right == nil:
			parent.right = all[i]
		default:
			all[i].next, parent.next = parent.next, all[i]
		}
	}
	roots = append(roots, all[0])
}

// Lists of a thousand items, as a service holds its sessions with what belongs to them.
func lists(n int) {
	for made := 0; made < n; {
		head := &item{}
		for i := 0; i < 1000 && made < n; i++ {
			head = &item{next: head}
			made++
		}
		roots = append(roots, head)
	}
}

func main() {
	n := flag.Int("n", 10_000_000, "objects")
	shape := flag.String("shape", "tree", "tree or lists")
	life := flag.Duration("life", 10*time.Minute, "the program ends by itself after this long")
	flag.Parse()
	if *shape == "tree" {
		tree(*n)
	} else {
		lists(*n)
	}
	runtime.GC()
	runtime.GC()
	fmt.Println("ready")
	time.Sleep(*life)
	fmt.Println(len(roots))
}

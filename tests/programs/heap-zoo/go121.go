//go:build go1.21

package main

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// newer holds what came with Go 1.19 to 1.21.
func newer() interface{} {
	var pointer atomic.Pointer[leaf]
	pointer.Store(newLeaf())
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.Join(errors.New("one"), errors.New("two")))
	value := sync.OnceValue(func() *leaf { return newLeaf() })
	value()
	slice := []*leaf{newLeaf(), newLeaf()}
	clear(slice[:1])
	return []interface{}{&pointer, ctx, value, slice, context.AfterFunc(context.WithoutCancel(ctx), func() {})}
}

// pinned objects are held by their pinner; one pinner is dropped while its objects are pinned no more.
func pinned() interface{} {
	var all []interface{}
	for i := 0; i < 10; i++ {
		pinner := new(runtime.Pinner)
		for j := 0; j < 10; j++ {
			l := newLeaf()
			pinner.Pin(l)
			pinner.Pin(l)
		}
		if i%2 == 0 {
			pinner.Unpin()
		}
		all = append(all, pinner)
	}
	return all
}

func init() { cages = append(cages, newer, pinned) }

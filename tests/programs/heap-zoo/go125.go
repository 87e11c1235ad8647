//go:build go1.25

package main

import (
	"fmt"
	"unique"
)

// droppedUniques: before 1.25 their clean-up runs while the next collection marks, and may bring them back or not.
func droppedUniques() interface{} {
	var all []interface{}
	for i := 0; i < 200; i++ {
		handle := unique.Make(fmt.Sprint("dropped ", i))
		if i%2 == 0 {
			all = append(all, handle)
		}
	}
	return all
}

func init() { cages = append(cages, droppedUniques) }

//go:build go1.19

package main

import "runtime/debug"

func setLimit(limit int64) { debug.SetMemoryLimit(limit) }

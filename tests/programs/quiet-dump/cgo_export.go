//go:build withcgo

package main

import "C"

//export goWait
func goWait() { waitForever() }

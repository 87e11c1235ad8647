//go:build withcgo

package main

// #include <unistd.h>
// extern void goWait(void);
// static void call_back(void) { goWait(); }
// static void wait_in_c(void) { for (;;) pause(); }
import "C"

func init() {
	extras = append(extras, func() {
		start("main.waitInC", 1, waitInC)
		start("main.waitBehindC", 1, waitBehindC)
	})
}

// waitInC waits in C.
func waitInC() { C.wait_in_c() }

// waitBehindC calls C, which calls Go, which waits.
func waitBehindC() { C.call_back() }

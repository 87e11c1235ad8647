// exec-away leaks deferred calls. On SIGUSR2 it becomes another process with the same number: itself, anew.
package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/seep-tests/internal/truth"
)

var pending truth.Tally

func main() {
	truth.Start(pending.Leaked)
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR2)
	go becomeAnother(asked)
	truth.Ready()
	pile()
}

func becomeAnother(asked chan os.Signal) {
	<-asked
	if err := syscall.Exec("/proc/self/exe", os.Args, os.Environ()); err != nil {
		panic(err)
	}
}

func pile() {
	for {
		pending.Coming()
		defer pending.Gone() // seep: defer here
		pending.There()
		time.Sleep(time.Millisecond)
	}
}

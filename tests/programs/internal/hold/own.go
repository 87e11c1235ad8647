package hold

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/signal"
	"reflect"
	"sync"
	"syscall"
	"time"

	"example.com/seep-tests/internal/waits"
)

func init() {
	Owns = append(Owns,
		Own{"time-after", timeAfter},
		Own{"timer-channel", timerChannel},
		Own{"ticker", ticker},
		Own{"context-tree", contextTree},
		Own{"context-timeout", contextTimeout},
		Own{"signal-channel", signalChannel},
		Own{"io-pipe", ioPipe},
		Own{"net-pipe", netPipe},
		Own{"once", once},
		Own{"file-lock", fileLock},
		Own{"chain", chain},
		Own{"ring-with-entry", ringWithEntry},
		Own{"select-one-of-many", selectOneOfMany},
		Own{"reflect-select", reflectSelect},
		Own{"channel-as-key", channelAsKey},
		Own{"channel-as-panic", channelAsPanic},
		Own{"bufio-scanner", bufioScanner},
	)
}

// again waits again and again until the gate is open.
func again(name string, g *Gate, wait func()) int {
	go func() {
		for !g.Over() {
			id := waits.Begin(name)
			wait()
			waits.Woken(name, id)
		}
	}()
	return 1
}

const moment = 20 * time.Millisecond

func timeAfter(name string, g *Gate) int { return again(name, g, func() { <-time.After(moment) }) }

func timerChannel(name string, g *Gate) int {
	return again(name, g, func() {
		timer := time.NewTimer(moment)
		select {
		case <-timer.C:
		case <-make(chan int):
		}
	})
}

func ticker(name string, g *Gate) int {
	c := time.NewTicker(moment).C
	return again(name, g, func() { <-c })
}

// contextTree waits at a leaf; nobody has more than the function that cancels the root.
func contextTree(name string, g *Gate) int {
	root, cancel := context.WithCancel(context.Background())
	for i := 0; i < 3; i++ {
		leaf, cancelLeaf := context.WithCancel(context.WithValue(root, g, i))
		waits.Go(name, func() {
			<-leaf.Done()
			cancelLeaf()
		})
	}
	shelve(g, cancel, func(what interface{}) { what.(context.CancelFunc)() })
	return 3
}

func contextTimeout(name string, g *Gate) int {
	return again(name, g, func() {
		root, cancel := context.WithTimeout(context.Background(), moment)
		leaf, cancelLeaf := context.WithCancel(root)
		<-leaf.Done()
		cancelLeaf()
		cancel()
	})
}

// signalChannel is with the package that gets signals.
func signalChannel(name string, g *Gate) int {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	waits.Go(name, func() {
		<-c
		signal.Stop(c)
	})
	later(g, func() { syscall.Kill(os.Getpid(), syscall.SIGWINCH) })
	return 1
}

func ioPipe(name string, g *Gate) int {
	in, out := io.Pipe()
	waits.Go(name, func() { io.ReadAll(in) })
	shelve(g, out, func(what interface{}) { what.(io.Closer).Close() })
	return 1
}

func netPipe(name string, g *Gate) int {
	in, out := net.Pipe()
	waits.Go(name, func() { in.Read(make([]byte, 8)) })
	shelve(g, out, func(what interface{}) { what.(net.Conn).Close() })
	return 1
}

// once waits for another to end what is done once.
func once(name string, g *Gate) int {
	held := &struct {
		sync.Once
		name string
	}{name: name}
	begun := make(chan int)
	go held.Do(func() {
		close(begun)
		<-g.C
	})
	<-begun
	waits.Go(name, func() { held.Do(func() {}) })
	return 1
}

// fileLock has two that read from one file: the second waits for the first, and that for the kernel.
func fileLock(name string, g *Gate) int {
	in, out, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	for i := 0; i < 2; i++ {
		waits.Go(name, func() { in.Read(make([]byte, 1)) })
	}
	later(g, func() {
		out.Close()
	})
	return 2
}

// chain has each wait for the next, and the last for the gate.
func chain(name string, g *Gate) int {
	const length = 60
	next := make(chan int)
	holder := next
	go func() {
		<-g.C
		close(holder)
	}()
	for i := 0; i < length; i++ {
		in, out := next, make(chan int)
		waits.Go(name, func() {
			<-in
			close(out)
		})
		next = out
	}
	return length
}

func ringWithEntry(name string, g *Gate) int {
	var ring [4]chan int
	for i := range ring {
		ring[i] = make(chan int, 1)
	}
	for i := range ring {
		in, out := ring[i], ring[(i+1)%len(ring)]
		waits.Go(name, func() { out <- <-in })
	}
	shelve(g, ring[2], func(what interface{}) { what.(chan int) <- 1 })
	return len(ring)
}

// selectOneOfMany can be woken by one of its channels only.
func selectOneOfMany(name string, g *Gate) int {
	live := make(chan int)
	waits.Go(name, func() {
		var dead [6]chan int
		for i := range dead {
			dead[i] = make(chan int)
		}
		select {
		case <-dead[0]:
		case <-dead[1]:
		case dead[2] <- 2:
		case live <- 1:
		case <-dead[3]:
		case dead[4] <- 4:
		case <-dead[5]:
		}
	})
	shelve(g, live, func(what interface{}) { <-what.(chan int) })
	return 1
}

func reflectSelect(name string, g *Gate) int {
	live := make(chan string)
	waits.Go(name, func() {
		reflect.Select([]reflect.SelectCase{
			{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(make(chan int))},
			{Dir: reflect.SelectSend, Chan: reflect.ValueOf(live), Send: reflect.ValueOf("sent")},
			{Dir: reflect.SelectSend, Chan: reflect.ValueOf(make(chan int)), Send: reflect.ValueOf(1)},
		})
	})
	shelve(g, live, func(what interface{}) { <-what.(chan string) })
	return 1
}

func channelAsKey(name string, g *Gate) int {
	c := make(chan int)
	waits.Go(name, func() { <-c })
	shelve(g, map[chan int]bool{c: true, nil: false}, func(what interface{}) {
		for key := range what.(map[chan int]bool) {
			if key != nil {
				close(key)
			}
		}
	})
	return 1
}

func channelAsPanic(name string, g *Gate) int {
	c := make(chan int)
	waits.Go(name, func() { <-c })
	holder := func(c chan int) {
		defer func() {
			<-g.C
			close(recover().(chan int))
		}()
		panic(c)
	}
	go holder(c)
	return 1
}

func bufioScanner(name string, g *Gate) int {
	in, out := io.Pipe()
	lines := make(chan string)
	go func() {
		for scanner := bufio.NewScanner(in); scanner.Scan(); {
			lines <- scanner.Text()
		}
		close(lines)
	}()
	waits.Go(name, func() { <-lines })
	shelve(g, out, func(what interface{}) { what.(io.Closer).Close() })
	return 1
}

// idle-connections is a server with thousands of open connections and nothing to do. Each has a goroutine that
// reads from the network, and one that waits on a channel of its own for what is to be written. With -grow
// more clients come all the time, and stay.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"example.com/seep-tests/internal/truth"
)

// Server knows all its connections.
type Server struct {
	mu    sync.Mutex
	conns map[*Conn]bool
}

// Conn is one client.
type Conn struct {
	net net.Conn
	out chan []byte
}

func main() {
	count := flag.Int("n", 10000, "connections")
	grow := flag.Duration("grow", 0, "time between two further connections; 0 for none")
	truth.Start(nil)
	*count = raiseLimit(*count)
	address := fmt.Sprintf("@seep-test-%d", os.Getpid())
	listener, err := net.Listen("unix", address)
	check(err)
	server := &Server{conns: map[*Conn]bool{}}
	go server.accept(listener)
	var clients []net.Conn
	for i := 0; i < *count; i++ {
		clients = append(clients, dial(address))
	}
	server.waitFor(*count)
	truth.Event("ready", truth.Fields{"connections": *count})
	for *grow > 0 && len(clients) < 9000 {
		clients = append(clients, dial(address))
		time.Sleep(*grow)
	}
	time.Sleep(time.Hour)
	runtime.KeepAlive(clients)
}

// raiseLimit makes room for two file descriptors for each connection, or says how many fit.
func raiseLimit(count int) int {
	need := uint64(2*count + 200)
	var limit syscall.Rlimit
	check(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Cur >= need {
		return count
	}
	if limit.Max < need {
		wish := syscall.Rlimit{Cur: need, Max: need}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &wish) == nil {
			return count
		}
	}
	limit.Cur = limit.Max
	check(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Max < need {
		return int(limit.Max-200) / 2
	}
	return count
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// dial connects, as soon as the server has caught up with those who came before.
func dial(address string) net.Conn {
	for {
		client, err := net.Dial("unix", address)
		if !errors.Is(err, syscall.EAGAIN) {
			check(err)
			return client
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *Server) accept(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		check(err)
		s.add(connection)
	}
}

func (s *Server) add(connection net.Conn) {
	conn := &Conn{net: connection, out: make(chan []byte, 4)}
	s.mu.Lock()
	s.conns[conn] = true
	s.mu.Unlock()
	go conn.write()
	go s.read(conn)
}

// waitFor returns when so many connections have been accepted.
func (s *Server) waitFor(count int) {
	for {
		s.mu.Lock()
		have := len(s.conns)
		s.mu.Unlock()
		if have >= count {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// read answers each message with the same message.
func (s *Server) read(conn *Conn) {
	buffer := make([]byte, 512)
	for {
		n, err := conn.net.Read(buffer)
		if err != nil {
			break
		}
		conn.out <- append([]byte(nil), buffer[:n]...)
	}
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
	close(conn.out)
}

func (c *Conn) write() {
	for message := range c.out {
		if _, err := c.net.Write(message); err != nil {
			return
		}
	}
}

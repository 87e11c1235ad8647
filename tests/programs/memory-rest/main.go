// memory-rest has a known amount of what the heap consists of beside what is in use: free slots between small objects, garbage that no
// collection has come for, idle spans, descriptors of goroutines that ended; and beside the heap memory of C and mapped memory in huge pages.
package main

import (
	"flag"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"example.com/seep-tests/internal/truth"
)

const (
	every       = 8 // of the small objects one in so many is kept
	garbageSize = 1024
	blockSize   = 64 << 10

	hugePage      = 2 << 20
	populateWrite = 23 // MADV_POPULATE_WRITE, Linux 5.14
)

type small [6]uint64 // has slots of its own size: 48 bytes

var (
	kept   []*small
	blocks [][]byte
	sink   []byte
)

func main() {
	smalls := flag.Int("small", 400000, "small objects, of which most are dropped")
	garbage := flag.Int("garbage", 12000, "objects of 1 KiB that are garbage")
	idle := flag.Int("idle", 24, "MiB of heap that is free again")
	dead := flag.Int("dead", 20000, "goroutines that ended")
	outside := flag.Int("outside", 32, "MiB that are mapped, in huge pages if the system has any")
	again := flag.Int("again", 0, "MiB of heap that Go gives back, and that become huge pages again")
	c := flag.Int("c", 16, "MiB of C's heap in small pieces, and as much in one large piece")
	runtime.LockOSThread() // the C library gives its heap proper to the first thread
	truth.Start(func() truth.Fields {
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		return truth.Fields{
			"small_kept": len(kept), "small_dropped": *smalls - len(kept),
			"garbage_bytes": *garbage * garbageSize, "dead": *dead, "c_bytes": cHeap * (*c << 20),
			"outside_bytes": *outside << 20, "objects_bytes": memory.HeapAlloc,
			"unused_bytes": memory.HeapInuse - memory.HeapAlloc,
		}
	})
	scatter(*smalls)
	fill(*idle)
	end(*dead)
	allocateInC(*c << 20)
	mapped := mapHuge(*outside << 20)
	blocks = nil
	runtime.GC()
	runtime.GC()
	debug.SetGCPercent(-1)
	if *again > 0 {
		giveBack(*again << 20)
	}
	leave(*garbage)
	truth.Ready()
	time.Sleep(time.Hour)
	runtime.KeepAlive(mapped)
}

// scatter keeps a few of many small objects, after all were there at one time.
func scatter(count int) {
	all := make([]*small, count)
	for i := range all {
		all[i] = new(small)
		all[i][0] = 1 // Go does not touch new memory: it would not be resident
	}
	kept = make([]*small, 0, count/every+1)
	for i := 0; i < count; i += every {
		kept = append(kept, all[i])
	}
}

// fill makes blocks that are to be dropped.
func fill(mebibytes int) {
	for i := 0; i < mebibytes<<20/blockSize; i++ {
		block := make([]byte, blockSize)
		touch(block)
		blocks = append(blocks, block)
	}
}

// end has so many goroutines at one time, which then end.
func end(count int) {
	var ended, running sync.WaitGroup
	release := make(chan struct{})
	running.Add(count)
	ended.Add(count)
	for i := 0; i < count; i++ {
		go func() {
			running.Done()
			<-release
			ended.Done()
		}()
	}
	running.Wait()
	close(release)
	ended.Wait()
	time.Sleep(10 * time.Millisecond) // the last steps of the last ones
}

// giveBack does what the kernel's khugepaged does by itself: to memory that Go gave back it makes huge pages.
func giveBack(size int) {
	block := make([]byte, size)
	touch(block)
	start := (uintptr(unsafe.Pointer(&block[0])) + hugePage - 1) &^ (hugePage - 1)
	end := (uintptr(unsafe.Pointer(&block[0])) + uintptr(size)) &^ (hugePage - 1)
	block = nil
	debug.FreeOSMemory()
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, start, end-start, syscall.MADV_HUGEPAGE)
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, start, end-start, populateWrite)
}

// leave makes garbage.
func leave(count int) {
	for i := 0; i < count; i++ {
		sink = make([]byte, garbageSize)
		sink[0] = 1
	}
	sink = nil
}

func mapHuge(size int) []byte {
	data, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		panic(err)
	}
	_ = syscall.Madvise(data, syscall.MADV_HUGEPAGE) // where there are none it does not matter
	touch(data)
	return data
}

func touch(data []byte) {
	for i := 0; i < len(data); i += 4096 {
		data[i] = 1
	}
}

// memory-kinds has a known amount of each kind of memory: heap in use, heap that is free again, a mapped file,
// and memory that Go knows nothing about.
package main

import (
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"example.com/seep-tests/internal/truth"
)

var kept, free [][]byte

func main() {
	heap := flag.Int("heap", 48, "MiB of heap in use")
	idle := flag.Int("idle", 32, "MiB of heap that is free again")
	file := flag.Int("file", 24, "MiB of a mapped file")
	outside := flag.Int("outside", 40, "MiB that Go does not know of")
	truth.Start(func() truth.Fields {
		return truth.Fields{"file_bytes": *file << 20, "outside_bytes": *outside << 20}
	})
	kept = allocate(*heap)
	free = allocate(*idle)
	free = nil
	runtime.GC()
	debug.SetGCPercent(-1)
	mapped := mapFile(*file)
	anonymous, err := syscall.Mmap(-1, 0, *outside<<20, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON)
	check(err)
	touch(anonymous)
	truth.Ready()
	time.Sleep(time.Hour)
	runtime.KeepAlive(mapped)
}

// allocate returns blocks of 64 KiB that were written to.
func allocate(mebibytes int) [][]byte {
	var blocks [][]byte
	for i := 0; i < mebibytes*16; i++ {
		block := make([]byte, 64<<10)
		touch(block)
		blocks = append(blocks, block)
	}
	return blocks
}

// mapFile maps a file that has no name any more.
func mapFile(mebibytes int) []byte {
	file, err := os.CreateTemp("", "seep-test-")
	check(err)
	defer file.Close()
	check(os.Remove(file.Name()))
	check(file.Truncate(int64(mebibytes) << 20))
	data, err := syscall.Mmap(int(file.Fd()), 0, mebibytes<<20, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_SHARED)
	check(err)
	touch(data)
	return data
}

func touch(data []byte) {
	for i := 0; i < len(data); i += 4096 {
		data[i] = 1
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// pause-server is a busy web server that knows whether its memory is as it left it: seep pauses it, and must not
// change it.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"net"
	"net/http"

	"example.com/seep-tests/internal/truth"
)

const chunkBytes = 1 << 20

var kept [][]byte

func main() {
	megabytes := flag.Int("mb", 16, "memory that it keeps")
	address := flag.String("address", "127.0.0.1:0", "where it listens")
	truth.Start(tell)
	for i := 0; i < *megabytes; i++ {
		kept = append(kept, fill(make([]byte, chunkBytes), uint32(i)))
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/", answer)
	truth.Event("ready", truth.Fields{"address": listener.Addr().String(), "sum": sum()})
	panic(http.Serve(listener, nil))
}

func fill(bytes []byte, seed uint32) []byte {
	for i := range bytes {
		seed = seed*1664525 + 1013904223
		bytes[i] = byte(seed >> 24)
	}
	return bytes
}

func sum() string {
	hash := sha256.New()
	for _, bytes := range kept {
		hash.Write(bytes)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

func tell() truth.Fields {
	return truth.Fields{"sum": sum()}
}

// answer allocates, so that the collector has something to do as well.
func answer(w http.ResponseWriter, r *http.Request) {
	page := fill(make([]byte, 16<<10), uint32(len(r.URL.Path)))
	w.Write(page[:1024])
}

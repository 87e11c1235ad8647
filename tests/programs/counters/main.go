// counters says what the runtime counts of itself, by runtime/metrics: for what seep reads of it from outside.
package main

import (
	"flag"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"example.com/seep-tests/internal/truth"
)

var names = map[string]string{
	"heap_live_bytes":     "/gc/heap/live:bytes",
	"heap_goal_bytes":     "/gc/heap/goal:bytes",
	"heap_in_use_bytes":   "/memory/classes/heap/objects:bytes", // and what is unused of its spans
	"heap_unused_bytes":   "/memory/classes/heap/unused:bytes",
	"heap_idle_bytes":     "/memory/classes/heap/free:bytes",
	"heap_released_bytes": "/memory/classes/heap/released:bytes",
	"stacks_bytes":        "/memory/classes/heap/stacks:bytes",
	"collections":         "/gc/cycles/total:gc-cycles",
}

var kept [][]byte

// counted asks the runtime; a release that does not know a name leaves it out.
func counted() truth.Fields {
	fields := truth.Fields{}
	for key, name := range names {
		sample := []metrics.Sample{{Name: name}}
		metrics.Read(sample)
		if sample[0].Value.Kind() == metrics.KindUint64 {
			fields[key] = sample[0].Value.Uint64()
		}
	}
	return fields
}

func main() {
	percent := flag.Int("gogc", 100, "GOGC")
	limit := flag.Int64("limit", 0, "memory limit in MiB")
	truth.Start(counted)
	debug.SetGCPercent(*percent)
	if *limit > 0 {
		setLimit(*limit << 20)
	}
	for i := 0; i < 300; i++ {
		kept = append(kept, make([]byte, 64<<10))
		go func() { select {} }()
	}
	idle := make([]byte, 16<<20)
	runtime.KeepAlive(idle)
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	truth.Ready()
	time.Sleep(time.Hour)
}

// hides-name changes ten times a second what the kernel calls it: to names of kernel threads, and to such as would confuse a
// careless reader of /proc/PID/stat.
package main

import (
	"os"
	"time"

	"example.com/seep-tests/internal/truth"
)

func main() {
	names := []string{"kworker/0:1", "x) Z 0 1 2 3", "(((((", "a\nb: 1 kB", "\xff\x1b[31m", "RssAnon: 9 kB", ") S 1 ) R 2"}
	truth.Start(nil)
	for i := 0; ; i++ {
		if err := os.WriteFile("/proc/self/comm", []byte(names[i%len(names)]), 0); err != nil {
			panic(err)
		}
		if i == 0 {
			truth.Ready()
		}
		time.Sleep(100 * time.Millisecond)
	}
}

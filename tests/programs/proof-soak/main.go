// proof-soak is busy: goroutines wait in every way there is, for those who keep their end in every place there is (see
// internal/hold), and all of them are woken after some time, which they say. Beside them a few are lost for good,
// and it says which: nobody else may be called leaked, at whatever moment one looks.
//
// On SIGUSR2 it begins nothing new, waits until all that can be woken have been woken, and says that it has ended. With
// -verdict it asks Go's own profile of leaked goroutines all the time and says what that said.
package main

import (
	"flag"
	"math/rand"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"example.com/seep-tests/internal/hold"
	"example.com/seep-tests/internal/truth"
	"example.com/seep-tests/internal/waits"
)

var (
	every   = flag.Duration("every", 3*time.Millisecond, "time between two rounds")
	losing  = flag.Duration("lose", 250*time.Millisecond, "time between two that are lost")
	seed    = flag.Int64("seed", 1, "of the random numbers")
	verdict = flag.Bool("verdict", false, "ask Go's own profile")
	weak    = flag.Bool("weak", true, "also weak pointers")
)

func main() {
	truth.Start(func() truth.Fields { return truth.Fields{"waiting": len(waits.Asleep()), "leaked": lost.IDs()} })
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGUSR2)
	random := rand.New(rand.NewSource(*seed))
	day := hold.NewGate()
	churn(day)
	if *verdict {
		go judge(day)
	}
	truth.Ready()
	rounds, losses := time.NewTicker(*every), time.NewTicker(*losing)
	for {
		select {
		case <-rounds.C:
			begin(random)
			continue
		case <-losses.C:
			lose(waits.Kinds[random.Intn(len(waits.Kinds))])
			continue
		case <-stop:
		}
		break
	}
	day.Open()
	rest := waits.Asleep()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		rest = waits.Asleep()
		if len(rest) == 0 || time.Now().After(deadline) {
			break
		}
	}
	truth.Event("ended", truth.Fields{"waited": waits.Waiters.Count(), "asleep": rest, "leaked": lost.IDs()})
	<-never
}

// never is there to the end: also the main goroutine is not lost.
var never = make(chan int)

// begin starts a round: somebody waits, somebody holds, and after some time the gate opens.
func begin(random *rand.Rand) {
	gate := hold.NewGate()
	stay := time.Duration(random.Int63n(int64(30 * time.Millisecond)))
	switch random.Intn(20) {
	case 0:
		stay = time.Duration(random.Int63n(int64(2 * time.Second)))
	case 1, 2, 3:
		stay *= 10
	}
	n := random.Intn(len(hold.Holders) + len(hold.Owns) + 1)
	switch {
	case n < len(hold.Holders):
		holder := hold.Holders[n]
		if holder.Still || (holder.Heavy && random.Intn(10) > 0) {
			return
		}
		if holder.Heavy {
			stay = stay % (5 * time.Millisecond)
		}
		kinds := append(append([]waits.Kind{}, waits.Kinds...), waits.Packed...)
		kind := kinds[random.Intn(len(kinds))]
		go pair(holder, kind, gate) // for some collect garbage before they return
	case n < len(hold.Holders)+len(hold.Owns):
		own := hold.Owns[n-len(hold.Holders)]
		own.Start(own.Name, gate)
	case hold.Weak.Start != nil && *weak:
		hold.Weak.Start(hold.Weak.Name, gate)
	}
	time.AfterFunc(stay, gate.Open)
}

func pair(holder hold.Holder, kind waits.Kind, gate *hold.Gate) {
	wait, wake := kind.New()
	waits.Go(holder.Name+" "+kind.Name, wait)
	holder.Hold(gate, wake)
}

// lost are those that nobody can wake.
var lost waits.Record

func lose(kind waits.Kind) {
	wait, _ := kind.New()
	go func() {
		lost.Add(kind.Name)
		wait()
		panic("it was lost, and runs")
	}()
}

// judge says what Go's own profile says.
func judge(day *hold.Gate) {
	for !day.Over() {
		leaked, known := waits.Verdict()
		truth.Event("verdict", truth.Fields{"known": known, "leaked": leaked})
		runtime.Gosched()
		time.Sleep(50 * time.Millisecond)
	}
}

package main

import (
	"time"

	"example.com/seep-tests/internal/truth"
)

// leaked is nothing: no goroutine is started to send.
func leaked() truth.Fields { return truth.Fields{"leaked_min": 0, "leaked_max": 0} }

// Sample is one measured value.
type Sample struct {
	When  time.Time
	Value float64
}

// Agent measures, and hands each value to all who asked for it.
type Agent struct {
	names    []string
	channels []chan Sample
}

// NewAgent makes an agent with one channel for each name.
func NewAgent(names ...string) *Agent {
	a := &Agent{names: names}
	for range names {
		a.channels = append(a.channels, make(chan Sample))
	}
	return a
}

// run measures for ever.
func (a *Agent) run(every time.Duration) {
	for turn := 0; ; turn++ {
		a.publish(Sample{When: time.Now(), Value: float64(turn % 100)})
		time.Sleep(every)
	}
}

// publish hands one value to every receiver that is ready for it.
func (a *Agent) publish(value Sample) {
	channels := a.channels
	for i := range channels {
		select {
		case channels[i] <- value:
		default:
		}
	}
}

// receive adds up what comes. With fails > 0 it returns after that many values, as if it had met an error.
func (a *Agent) receive(i, fails int) {
	sum := 0.0
	for seen := 1; ; seen++ {
		sum += (<-a.channels[i]).Value
		if seen == fails {
			truth.Event("receiver gone", truth.Fields{"name": a.names[i], "sum": sum})
			return
		}
	}
}

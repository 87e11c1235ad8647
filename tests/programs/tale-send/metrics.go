package main

import (
	"time"

	"example.com/seep-tests/internal/truth"
)

// waiting counts the goroutines that wait to send, for each channel.
var waiting [3]truth.Tally

// leaked is at least those that wait for the receiver that is gone. The others are on their way.
func leaked() truth.Fields {
	most := int64(0)
	for i := range waiting {
		most += waiting[i].Max()
	}
	return truth.Fields{"leaked_min": waiting[2].Min(), "leaked_max": most}
}

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

// publish hands one value to every receiver.
func (a *Agent) publish(value Sample) {
	channels := a.channels
	for i := range channels {
		i := i
		waiting[i].Coming()
		go func() { // seep: go here
			waiting[i].There()
			channels[i] <- value // seep: send here
			waiting[i].Gone()
		}()
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

package main

import (
	"fmt"
	"time"

	"example.com/seep-tests/internal/truth"
)

// job is what goes through some of the channels.
type job struct {
	number int
	name   string
}

var (
	sendTo      = make(chan int)
	receiveFrom = make(chan job)
	full        = make(chan string, 2)
	empty       = make(chan struct{}, 4)
	ranged      = make(chan *job)
	chosenSend  = make(chan job)
	chosenRead  = make(chan []byte, 1)
	several     [5]chan uint32
	nilChannel  chan int
)

func startChannels() {
	full <- "one"
	full <- "two"
	for i := range several {
		several[i] = make(chan uint32)
	}
	start("main.sendUnbuffered", 3, sendUnbuffered)
	start("main.receiveUnbuffered", 2, receiveUnbuffered)
	start("main.sendBuffered", 2, sendBuffered)
	start("main.receiveBuffered", 1, receiveBuffered)
	start("main.rangeOver", 2, rangeOver)
	start("main.selectSendOrReceive", 2, selectSendOrReceive)
	start("main.selectSeveral", 3, selectSeveral)
	start("main.selectWithTimer", 1, selectWithTimer)
	start("main.selectNothing", 1, selectNothing)
	start("main.sendNil", 1, sendNil)
	start("main.receiveNil", 2, receiveNil)
}

func sendUnbuffered()    { sendTo <- 1 }
func receiveUnbuffered() { <-receiveFrom }
func sendBuffered()      { full <- "three" }
func receiveBuffered()   { <-empty }
func selectNothing()     { select {} }
func sendNil()           { nilChannel <- 1 }
func receiveNil()        { <-nilChannel }

func rangeOver() {
	for next := range ranged {
		next.number++
	}
}

func selectSendOrReceive() {
	select {
	case chosenSend <- job{1, "one"}:
	case <-chosenRead:
	}
}

func selectSeveral() {
	select {
	case <-several[0]:
	case <-several[1]:
	case several[2] <- 2:
	case <-several[3]:
	case several[4] <- 4:
	}
}

func selectWithTimer() {
	select {
	case <-forever:
	case <-time.After(time.Hour):
	}
}

// channelFacts says of each channel what nobody can say from outside but by reading it right.
func channelFacts() []truth.Fields {
	fact := func(function, address, element string, length, capacity, senders, receivers int) truth.Fields {
		return truth.Fields{
			"function": function, "address": address, "element_type": element, "length": length,
			"capacity": capacity, "senders": senders, "receivers": receivers,
		}
	}
	at := func(channel interface{}) string { return fmt.Sprintf("%p", channel) }
	facts := []truth.Fields{
		fact("main.sendUnbuffered", at(sendTo), "int", 0, 0, 3, 0),
		fact("main.receiveUnbuffered", at(receiveFrom), "main.job", 0, 0, 0, 2),
		fact("main.sendBuffered", at(full), "string", 2, 2, 2, 0),
		fact("main.receiveBuffered", at(empty), "struct {}", 0, 4, 0, 1),
		fact("main.rangeOver", at(ranged), "*main.job", 0, 0, 0, 2),
		fact("main.selectSendOrReceive", at(chosenSend), "main.job", 0, 0, 2, 0),
		fact("main.selectSendOrReceive", at(chosenRead), "[]uint8", 0, 1, 0, 2),
	}
	for i, channel := range several {
		senders, receivers := 0, 3
		if i == 2 || i == 4 {
			senders, receivers = 3, 0
		}
		facts = append(facts, fact("main.selectSeveral", at(channel), "uint32", 0, 0, senders, receivers))
	}
	return facts
}

package main

// extras are what only some builds have: those of newer releases, and those with cgo.
var extras []func()

func startExtras() {
	for _, extra := range extras {
		extra()
	}
}

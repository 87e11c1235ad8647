//go:build go1.21

package hold

import "context"

func init() { Holders = append(Holders, Holder{Name: "context-after", Hold: contextAfter}) }

// contextAfter is what a context runs when it is over.
func contextAfter(g *Gate, wake func()) {
	root, cancel := context.WithCancel(context.Background())
	context.AfterFunc(root, wake)
	shelve(g, cancel, func(what interface{}) { what.(context.CancelFunc)() })
}

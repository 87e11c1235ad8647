package main

import "example.com/seep-tests/internal/truth"

// pending counts the rows that were opened and never closed.
var pending truth.Tally

// Database stands for the real one.
type Database struct{ turn int }

// Rows is the result of a query. It must be closed.
type Rows struct {
	left int
	page [256]byte
}

// Query asks for the rows that came since the last time.
func (db *Database) Query() *Rows {
	pending.Coming()
	db.turn++
	return &Rows{left: 3}
}

// Next goes to the next row.
func (r *Rows) Next() bool {
	if r.left == 3 {
		pending.There()
	}
	r.left--
	r.page[r.left&0xff]++
	return r.left > 0
}

// Close gives the rows back.
//
//go:noinline
func (r *Rows) Close() {
	pending.Gone()
	r.left = 0
}

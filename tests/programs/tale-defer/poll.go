package main

import "time"

// poll asks the database again and again.
func poll(db *Database, every time.Duration) {
	seen := 0
	for {
		rows := db.Query()
		defer rows.Close() // seep: defer here
		for rows.Next() {
			seen++
		}
		time.Sleep(every)
	}
}

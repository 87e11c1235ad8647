package main

import "time"

// poll asks the database again and again.
func poll(db *Database, every time.Duration) {
	seen := 0
	for {
		seen += pollOnce(db)
		time.Sleep(every)
	}
}

func pollOnce(db *Database) int {
	seen := 0
	rows := db.Query()
	defer rows.Close()
	for rows.Next() {
		seen++
	}
	return seen
}

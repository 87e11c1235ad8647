package main

func jumps() {
	keep = append(keep, labelledBreak, labelledContinue, gotoLoop, gotoForever, gotoOut, gotoInto, thrice)
}

func labelledBreak(table [][]int) {
outer:
	for {
		for _, row := range table {
			for {
				defer release() // oracle: heap; in a loop; a way out
				if len(row) == 0 {
					break outer
				}
			}
		}
	}
}

func labelledContinue(table [][]int) {
outer:
	for _, row := range table {
		for _, n := range row {
			if n == 0 {
				continue outer
			}
			defer releaseNumber(n, "inner") // oracle: heap; in a loop; a way out
		}
	}
}

func gotoLoop() {
again:
	defer release() // oracle: heap; in a loop; a way out
	if busy() {
		goto again
	}
}

func gotoForever() {
again:
	defer release() // oracle: heap; in a loop; no way out
	busy()
	goto again
}

func gotoOut(numbers []int) {
	for {
		for _, n := range numbers {
			if n == 0 {
				goto out
			}
			defer releaseNumber(n, "") // oracle: heap; in a loop; a way out
		}
	}
out:
	defer release() // oracle: stack
	busy()
}

// Two loops that share code, and neither contains the other.
func gotoInto() {
first:
	busy()
second:
	defer release() // oracle: heap; in a loop; a way out
	if busy() {
		goto first
	}
	if busy() {
		goto second
	}
}

func thrice(numbers []int) {
	i := 0
more:
	for ; i < len(numbers); i++ {
		if numbers[i] == 0 {
			i += 2
			goto more
		}
		defer releaseNumber(i, "") // oracle: heap; in a loop; a way out
	}
}

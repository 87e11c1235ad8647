//go:build race

package hold

// The race detector has pools lose things at random.
func init() {
	kept := Holders[:0]
	for _, holder := range Holders {
		if !holder.Still {
			kept = append(kept, holder)
		}
	}
	Holders = kept
}

//go:build withcgo

package truth

// #include <stdlib.h>
import "C"

// With the tag withcgo every program is linked against the C library, as most Go programs in the field are.
func init() { C.free(C.malloc(1)) }

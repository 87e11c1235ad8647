//go:build withcgo

package main

// #include <stdlib.h>
// #include <string.h>
// #include <sys/mman.h>
//
// static void *pieces;
//
// static void allocate(size_t size)
// {
//     for (size_t done = 0; done + 1024 <= size; done += 1024) {
//         void **piece = malloc(1008);
//         memset(piece, 1, 1008);
//         *piece = pieces;
//         pieces = piece;
//     }
//     char *large = malloc(size);
//     memset(large, 1, size);
//     /* Linux joins it with a mapping of Go's, if one lies beside it and they are alike. */
//     char *page = (char *)(((size_t)large + 4095) & ~(size_t)4095);
//     madvise(page, size - 4096, MADV_DONTFORK);
//     *(void **)large = pieces;
//     pieces = large;
// }
import "C"

const cHeap = 1

func allocateInC(size int) { C.allocate(C.size_t(size)) }

/* Where the fields of a span's and a special's descriptor stand in memory that tests make up. */
#ifndef SEEP_TESTS_MADEHEAP_H
#define SEEP_TESTS_MADEHEAP_H

#include "runtime/offsets.h"

/* `span_bytes`: of a whole descriptor, at least 88. */
static inline struct offsets made_heap_offsets(uint32_t span_bytes)
{
    return (struct offsets){.mspan_start = 0,
                            .mspan_pages = 8,
                            .mspan_element_size = 16,
                            .mspan_state = 24,
                            .mspan_class = 25,
                            .mspan_user_arena = 26,
                            .mspan_objects = 32,
                            .mspan_free_index = 40,
                            .mspan_alloc_bits = 48,
                            .mspan_mark_bits = 56,
                            .mspan_specials = 64,
                            .mspan_large_type = 72,
                            .mspan_sweepgen = 80,
                            .mspan_size = span_bytes,
                            .special_next = 0,
                            .special_offset = 8,
                            .special_kind = 16,
                            .special_size = 24,
                            .p_id = ABSENT,
                            .has_objects = true};
}

#endif

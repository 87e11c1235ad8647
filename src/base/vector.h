/* A growable array of one type.
 *
 *   struct names VECTOR_OF(const char *);   declares struct { const char **at; size_t length, room; }
 *   VECTOR_PUSH(&names, "agent");           grows by doubling; aborts when memory is out
 *   VECTOR_DEINIT(&names);                  frees the array, not what it points to
 *
 * For lengths that seep bounds itself; whoever fills one from a target checks a maximum first. */
#ifndef SEEP_BASE_VECTOR_H
#define SEEP_BASE_VECTOR_H

#include "base/memory.h"

#define VECTOR_OF(type) \
    {                   \
        type *at;       \
        size_t length;  \
        size_t room;    \
    }

#define VECTOR_RESERVE(vector, wanted)                                                  \
    do {                                                                                \
        if ((vector)->room < (wanted)) {                                                \
            size_t vector_room = (vector)->room ? (vector)->room * 2 : 16;              \
            while (vector_room < (wanted))                                              \
                vector_room *= 2;                                                       \
            (vector)->at = xrealloc((vector)->at, vector_room * sizeof(*(vector)->at)); \
            (vector)->room = vector_room;                                               \
        }                                                                               \
    } while (0)

#define VECTOR_PUSH(vector, ...)                          \
    do {                                                  \
        VECTOR_RESERVE(vector, (vector)->length + 1);     \
        (vector)->at[(vector)->length++] = (__VA_ARGS__); \
    } while (0)

#define VECTOR_DEINIT(vector)                  \
    do {                                       \
        free((vector)->at);                    \
        (vector)->at = NULL;                   \
        (vector)->length = (vector)->room = 0; \
    } while (0)

#endif

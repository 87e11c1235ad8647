/* Read requests: one by one, and sorted by address. They come sorted or nearly random, up to millions: a radix sort
 * over 11 bits at a time, leaving out digits that all addresses share (Go's heap lies within few
 * gigabytes), takes some 10 ms for a million where qsort takes 150. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "target/internal.h"

enum {
    DIGIT_BITS = 11,
    DIGIT_VALUES = 1 << DIGIT_BITS,
    DIGITS = (64 + DIGIT_BITS - 1) / DIGIT_BITS,
    FEW = 64,
};

static void sort_few(struct read_request *requests, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct read_request moved = requests[i];
        size_t place = i;
        for (; place && requests[place - 1].at > moved.at; place--)
            requests[place] = requests[place - 1];
        requests[place] = moved;
    }
}

static unsigned digit_of(address at, unsigned digit)
{
    return (unsigned)(at >> (digit * DIGIT_BITS)) & (DIGIT_VALUES - 1);
}

static void sort_many(struct read_request *requests, size_t count)
{
    size_t(*places)[DIGIT_VALUES] = xcalloc(DIGITS, sizeof(*places));
    for (size_t i = 0; i < count; i++)
        for (unsigned digit = 0; digit < DIGITS; digit++)
            places[digit][digit_of(requests[i].at, digit)]++;

    struct read_request *from = requests;
    struct read_request *room = xmalloc(count * sizeof(*room));
    struct read_request *to = room;
    for (unsigned digit = 0; digit < DIGITS; digit++) {
        if (places[digit][digit_of(from[0].at, digit)] == count)
            continue;
        size_t next = 0;
        for (size_t value = 0; value < DIGIT_VALUES; value++) {
            size_t here = places[digit][value];
            places[digit][value] = next;
            next += here;
        }
        for (size_t i = 0; i < count; i++)
            to[places[digit][digit_of(from[i].at, digit)]++] = from[i];
        struct read_request *swap = from;
        from = to;
        to = swap;
    }
    if (from != requests)
        memcpy(requests, from, count * sizeof(*requests));
    free(room);
    free(places);
}

void requests_sort(struct read_request *requests, size_t count)
{
    size_t sorted = 1;
    while (sorted < count && requests[sorted - 1].at <= requests[sorted].at)
        sorted++;
    if (sorted >= count)
        return;
    if (count <= FEW)
        sort_few(requests, count);
    else
        sort_many(requests, count);
}

struct error *requests_read_each(struct target *target,
                                 struct error *(*read)(struct target *target, address at, void *to,
                                                       size_t size),
                                 struct read_request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct read_request *request = &requests[i];
        request->failed = request->size && request->at + (request->size - 1) < request->at;
        struct error *error =
            request->failed ? NULL : read(target, request->at, request->to, request->size);
        if (error && error_code(error) == ERROR_GONE)
            return error;
        request->failed = error_ignore(error) || request->failed;
        if (request->failed && request->size)
            memset(request->to, 0, request->size);
    }
    return NULL;
}

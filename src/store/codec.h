/* How numbers lie in a store: times and values as varints of differences, then zlib.
 *
 *   samples   what a series did in an hour or a day: { time, value }
 *   points    the 15-minute roll-ups of a day: { time, min, mean, max, last, count }
 *   a period  what all lives brought at one time: { life: { series, value } }, not compressed, since it soon goes into the others
 *
 * Regular times are differences of differences of 0, a value that stays is a difference of 0: zlib leaves nearly nothing of them. A store's file is
 * read like anything else from outside: through the cursor, with a maximum for every count. */
#ifndef SEEP_STORE_CODEC_H
#define SEEP_STORE_CODEC_H

#include "base/cursor.h"
#include "base/vector.h"
#include "store/store.h"

enum {
    CODEC_SAMPLES_MAX = 1 << 20, /* in one blob: a day at 100 ms */
    CODEC_BYTES_MAX = 1 << 24    /* of one blob, inflated */
};

struct timed {
    int64_t at_ms, value;
};
struct timeds VECTOR_OF(struct timed);

struct bytes VECTOR_OF(uint8_t);

/* Whatever order the times are in, they come back so. Adds to `bytes`. */
void codec_write_samples(const struct timed *samples, size_t count, struct bytes *bytes);
void codec_write_points(const struct point *points, size_t count, struct bytes *bytes);
/* `samples` is sorted by life, then series. */
void codec_write_period(const struct sample *samples, size_t count, struct bytes *bytes);

/* Add to what is there. ERROR_BAD_DATA: what was read before it stays. */
struct error *codec_read_samples(const void *bytes, size_t size, struct timeds *samples) NODISCARD;
struct error *codec_read_points(const void *bytes, size_t size, struct points *points) NODISCARD;

/* The samples of the lives from `first` to `last` only; those of others are passed over quickly. */
struct error *codec_read_period(const void *bytes, size_t size, uint32_t first, uint32_t last,
                                struct samples *samples) NODISCARD;

/* How many samples a period has, all lives together; of a broken one those before the break. */
uint64_t codec_count_period(const void *bytes, size_t size);

#endif

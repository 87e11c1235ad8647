/* The blobs of a store's file: samples, roll-ups and periods. Deflated ones hardly get past zlib's checksum, so the first byte of the input says
 * which it is, and whether the rest is a blob as it is or what is to be deflated into one. */
#include <stdlib.h>

#include <zlib.h>

#include "base/memory.h"
#include "fuzz.h"
#include "store/codec.h"

enum {
    KIND_SAMPLES,
    KIND_POINTS,
    KIND_PERIOD,
    KINDS,
    PLAIN = 0x80
};

/* version, inflated size, deflated bytes: as store/codec.c has it */
static void deflate_into(const uint8_t *plain, size_t size, struct bytes *blob)
{
    uLongf room = compressBound(size);
    VECTOR_PUSH(blob, 1);
    size_t left = size;
    for (; left > 0x7f; left >>= 7)
        VECTOR_PUSH(blob, (uint8_t)(left | 0x80));
    VECTOR_PUSH(blob, (uint8_t)left);
    VECTOR_RESERVE(blob, blob->length + room);
    if (compress2(blob->at + blob->length, &room, plain, size, 1) != Z_OK)
        abort();
    blob->length += room;
}

/* What was read is written and read again: it must be the same. */
static void samples_again(const struct timeds *samples)
{
    struct bytes bytes = {0};
    struct timeds back = {0};
    codec_write_samples(samples->at, samples->length, &bytes);
    if (error_ignore(codec_read_samples(bytes.at, bytes.length, &back)) ||
        back.length != samples->length ||
        (back.length && memcmp(back.at, samples->at, back.length * sizeof(*back.at)) != 0))
        abort();
    VECTOR_DEINIT(&bytes);
    VECTOR_DEINIT(&back);
}

static void read_period(const uint8_t *data, size_t size)
{
    struct samples all = {0}, some = {0};
    error_ignore(codec_read_period(data, size, 0, UINT32_MAX, &all));
    error_ignore(codec_read_period(data, size, 3, 40, &some));
    for (size_t i = 0; i < some.length; i++) {
        if (some.at[i].life < 3 || some.at[i].life > 40)
            abort();
    }
    VECTOR_DEINIT(&all);
    VECTOR_DEINIT(&some);
}

static void read_blob(unsigned kind, const uint8_t *data, size_t size)
{
    struct timeds samples = {0};
    struct points points = {0};
    if (kind == KIND_SAMPLES && !error_ignore(codec_read_samples(data, size, &samples)))
        samples_again(&samples);
    if (kind == KIND_POINTS)
        error_ignore(codec_read_points(data, size, &points));
    if (kind == KIND_PERIOD)
        read_period(data, size);
    VECTOR_DEINIT(&samples);
    VECTOR_DEINIT(&points);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes blob = {0};
    if (!size)
        return 0;
    unsigned kind = (data[0] & ~PLAIN) % KINDS;
    if (data[0] & PLAIN) {
        deflate_into(data + 1, size - 1, &blob);
        read_blob(kind, blob.at, blob.length);
    } else {
        read_blob(kind, data + 1, size - 1);
    }
    VECTOR_DEINIT(&blob);
    return 0;
}

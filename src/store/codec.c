#include "store/codec.h"

#include <math.h>
#include <string.h>
#include <zlib.h>

enum {
    VERSION = 1,
    LEVEL = 6
};

/* ---- numbers */

static void put_uvarint(struct bytes *bytes, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        VECTOR_PUSH(bytes, (uint8_t)(value | 0x80));
    VECTOR_PUSH(bytes, (uint8_t)value);
}

/* Differences wrap, so that every value has one. */
static void put_difference(struct bytes *bytes, int64_t value, int64_t *last)
{
    int64_t difference = (int64_t)((uint64_t)value - (uint64_t)*last);
    put_uvarint(bytes, (uint64_t)difference << 1 ^ (uint64_t)(difference >> 63));
    *last = value;
}

static struct error *read_difference(struct cursor *cursor, int64_t *last)
{
    uint64_t zigzag = 0;
    TRY(cursor_uvarint(cursor, &zigzag));
    *last = (int64_t)((uint64_t)*last + ((zigzag >> 1) ^ (0 - (zigzag & 1))));
    return NULL;
}

/* Differences of differences: regular times are zeros. */
struct steps {
    int64_t last, step;
};

static void put_time(struct bytes *bytes, int64_t at_ms, struct steps *steps)
{
    int64_t step = (int64_t)((uint64_t)at_ms - (uint64_t)steps->last);
    put_difference(bytes, step, &steps->step);
    steps->last = at_ms;
}

static struct error *read_time(struct cursor *cursor, struct steps *steps)
{
    TRY(read_difference(cursor, &steps->step));
    steps->last = (int64_t)((uint64_t)steps->last + (uint64_t)steps->step);
    return NULL;
}

/* ---- zlib */

/* version, inflated size, deflated bytes */
static void deflate_into(const struct bytes *plain, struct bytes *bytes)
{
    uLongf size = compressBound(plain->length);
    VECTOR_PUSH(bytes, VERSION);
    put_uvarint(bytes, plain->length);
    VECTOR_RESERVE(bytes, bytes->length + size);
    if (compress2(bytes->at + bytes->length, &size, plain->at, plain->length, LEVEL) != Z_OK)
        size = 0; /* cannot be: the room is what zlib asked for, and it aborts nothing of ours */
    bytes->length += size;
}

static struct error *inflate_from(const void *bytes, size_t size, struct bytes *plain_ret)
{
    struct cursor cursor = cursor_over(bytes, size, "the store");
    uint8_t version = 0;
    uint64_t length = 0;
    TRY(cursor_u8(&cursor, &version));
    TRY(cursor_uvarint(&cursor, &length));
    if (version != VERSION || length > CODEC_BYTES_MAX)
        return error_create(ERROR_BAD_DATA, "the store: a series is broken");
    VECTOR_RESERVE(plain_ret, length + 1);
    uLongf inflated = length;
    if (uncompress(plain_ret->at, &inflated, cursor.bytes + cursor.at, size - cursor.at) != Z_OK ||
        inflated != length)
        return error_create(ERROR_BAD_DATA, "the store: a series is broken");
    plain_ret->length = length;
    return NULL;
}

/* ---- samples */

void codec_write_samples(const struct timed *samples, size_t count, struct bytes *bytes)
{
    struct bytes plain = {0};
    struct steps steps = {0};
    int64_t last = 0;
    put_uvarint(&plain, count);
    for (size_t i = 0; i < count; i++)
        put_time(&plain, samples[i].at_ms, &steps);
    for (size_t i = 0; i < count; i++)
        put_difference(&plain, samples[i].value, &last);
    deflate_into(&plain, bytes);
    VECTOR_DEINIT(&plain);
}

static struct error *read_count(struct cursor *cursor, uint64_t *count_ret)
{
    TRY(cursor_uvarint(cursor, count_ret));
    if (*count_ret > CODEC_SAMPLES_MAX || *count_ret > cursor->size)
        return error_create(ERROR_BAD_DATA, "the store: a series has too many samples");
    return NULL;
}

static struct error *parse_samples(const struct bytes *plain, struct timeds *samples)
{
    struct cursor cursor = cursor_over(plain->at, plain->length, "the store");
    uint64_t count = 0;
    struct steps steps = {0};
    int64_t last = 0;
    size_t first = samples->length;
    TRY(read_count(&cursor, &count));
    for (uint64_t i = 0; i < count; i++) {
        struct error *error = read_time(&cursor, &steps);
        if (error) {
            samples->length = first;
            return error;
        }
        VECTOR_PUSH(samples, (struct timed){.at_ms = steps.last});
    }
    for (uint64_t i = 0; i < count; i++) {
        struct error *error = read_difference(&cursor, &last);
        if (error) {
            samples->length = first + i; /* those that have a value */
            return error;
        }
        samples->at[first + i].value = last;
    }
    return NULL;
}

struct error *codec_read_samples(const void *bytes, size_t size, struct timeds *samples)
{
    struct bytes plain = {0};
    struct error *error = inflate_from(bytes, size, &plain);
    if (!error)
        error = parse_samples(&plain, samples);
    VECTOR_DEINIT(&plain);
    return error;
}

/* ---- points */

/* One column after the other, as neighbours in a column are alike. A mean is kept as the whole number next to it. */
enum column {
    COLUMN_MIN,
    COLUMN_MEAN,
    COLUMN_MAX,
    COLUMN_LAST,
    COLUMN_COUNT,
    COLUMNS
};

static int64_t column_of(const struct point *point, enum column column)
{
    switch (column) {
    case COLUMN_MIN:
        return point->min;
    case COLUMN_MEAN:
        return llround(point->mean);
    case COLUMN_MAX:
        return point->max;
    case COLUMN_LAST:
        return point->last;
    case COLUMN_COUNT:
    case COLUMNS:
        break;
    }
    return point->count;
}

static void set_column(struct point *point, enum column column, int64_t value)
{
    if (column == COLUMN_MIN)
        point->min = value;
    else if (column == COLUMN_MEAN)
        point->mean = (double)value;
    else if (column == COLUMN_MAX)
        point->max = value;
    else if (column == COLUMN_LAST)
        point->last = value;
    else
        point->count = value > 0 && value < UINT32_MAX ? (uint32_t)value : 1;
}

void codec_write_points(const struct point *points, size_t count, struct bytes *bytes)
{
    struct bytes plain = {0};
    struct steps steps = {0};
    put_uvarint(&plain, count);
    for (size_t i = 0; i < count; i++)
        put_time(&plain, points[i].at_ms, &steps);
    for (enum column column = COLUMN_MIN; column < COLUMNS; column++) {
        int64_t last = 0;
        for (size_t i = 0; i < count; i++)
            put_difference(&plain, column_of(&points[i], column), &last);
    }
    deflate_into(&plain, bytes);
    VECTOR_DEINIT(&plain);
}

static struct error *parse_points(const struct bytes *plain, struct points *points)
{
    struct cursor cursor = cursor_over(plain->at, plain->length, "the store");
    uint64_t count = 0;
    struct steps steps = {0};
    TRY(read_count(&cursor, &count));
    size_t first = points->length;
    for (uint64_t i = 0; i < count; i++) {
        TRY(read_time(&cursor, &steps));
        VECTOR_PUSH(points, (struct point){.at_ms = steps.last});
    }
    for (enum column column = COLUMN_MIN; column < COLUMNS; column++) {
        int64_t last = 0;
        for (uint64_t i = 0; i < count; i++) {
            TRY(read_difference(&cursor, &last));
            set_column(&points->at[first + i], column, last);
        }
    }
    return NULL;
}

struct error *codec_read_points(const void *bytes, size_t size, struct points *points)
{
    struct bytes plain = {0};
    size_t before = points->length;
    struct error *error = inflate_from(bytes, size, &plain);
    if (!error)
        error = parse_points(&plain, points);
    if (error)
        points->length = before; /* half a roll-up says something else than a whole one */
    VECTOR_DEINIT(&plain);
    return error;
}

/* ---- a period: for each life { life - last life, size of what follows, { series - last series, value }… } */

void codec_write_period(const struct sample *samples, size_t count, struct bytes *bytes)
{
    struct bytes life = {0};
    uint32_t last_life = 0;
    VECTOR_PUSH(bytes, VERSION);
    for (size_t i = 0; i < count;) {
        size_t end = i;
        uint32_t last_series = 0;
        life.length = 0;
        for (; end < count && samples[end].life == samples[i].life; end++) {
            int64_t zero = 0;
            put_uvarint(&life, samples[end].series - last_series);
            put_difference(&life, samples[end].value, &zero);
            last_series = samples[end].series;
        }
        put_uvarint(bytes, samples[i].life - last_life);
        put_uvarint(bytes, life.length);
        last_life = samples[i].life;
        VECTOR_RESERVE(bytes, bytes->length + life.length);
        memcpy(bytes->at + bytes->length, life.at, life.length);
        bytes->length += life.length;
        i = end;
    }
    VECTOR_DEINIT(&life);
}

static struct error *read_life(struct cursor *cursor, uint64_t life, uint64_t end,
                               struct samples *samples)
{
    uint64_t series = 0;
    while (cursor->at < end) {
        uint64_t step = 0;
        int64_t value = 0;
        TRY(cursor_uvarint(cursor, &step));
        TRY(read_difference(cursor, &value));
        if (step > UINT32_MAX - series || samples->length > CODEC_SAMPLES_MAX)
            return error_create(ERROR_BAD_DATA, "the store: a period is broken");
        series += step;
        VECTOR_PUSH(samples, (struct sample){(uint32_t)life, (uint32_t)series, value});
    }
    return NULL;
}

struct error *codec_read_period(const void *bytes, size_t size, uint32_t first, uint32_t last,
                                struct samples *samples)
{
    struct cursor cursor = cursor_over(bytes, size, "the store");
    uint8_t version = 0;
    uint64_t life = 0, step = 0, length = 0;
    TRY(cursor_u8(&cursor, &version));
    if (version != VERSION)
        return error_create(ERROR_BAD_DATA, "the store: a period is broken");
    while (cursor.at < size) {
        TRY(cursor_uvarint(&cursor, &step));
        TRY(cursor_uvarint(&cursor, &length));
        if (step > UINT32_MAX - life || length > size - cursor.at)
            return error_create(ERROR_BAD_DATA, "the store: a period is broken");
        life += step;
        if (life > last)
            return NULL;
        uint64_t end = cursor.at + length;
        if (life >= first)
            TRY(read_life(&cursor, life, end, samples));
        TRY(cursor_seek(&cursor, end));
    }
    return NULL;
}

/* Each sample is two numbers, of which each ends with a byte below 128. */
static uint64_t numbers_in(const uint8_t *bytes, uint64_t from, uint64_t to)
{
    uint64_t count = 0;
    for (uint64_t at = from; at < to; at++)
        count += bytes[at] < 0x80;
    return count;
}

uint64_t codec_count_period(const void *bytes, size_t size)
{
    struct cursor cursor = cursor_over(bytes, size, "the store");
    uint8_t version = 0;
    uint64_t ignored = 0, length = 0, count = 0;
    if (error_ignore(cursor_u8(&cursor, &version)) || version != VERSION)
        return 0;
    while (cursor.at < size) {
        if (error_ignore(cursor_uvarint(&cursor, &ignored)) ||
            error_ignore(cursor_uvarint(&cursor, &length)) || length > size - cursor.at)
            return count;
        count += numbers_in(bytes, cursor.at, cursor.at + length) / 2;
        if (error_ignore(cursor_seek(&cursor, cursor.at + length)))
            return count;
    }
    return count;
}

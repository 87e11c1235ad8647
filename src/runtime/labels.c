/* Profiler labels of a goroutine (runtime/pprof). Up to Go 1.23 g.labels is a *map[string]string, whose buckets are read here (runtime/map.go:
 * 8 tophash bytes, 8 keys, 8 values, overflow pointer); from 1.24 it is a pointer to a slice of {key, value} strings. */
#include <string.h>

#include "base/text.h"
#include "runtime/internal.h"

enum {
    LABEL_LENGTH_MAX = 256,
    LABELS_SANE = 1024,
    SLICE_SINCE_MINOR = 24,
    MAP_LOG_BUCKETS_MAX = 8,
    BUCKET_SLOTS = 8,
    TOPHASH_LEAST = 5, /* smaller marks an empty or moved slot */
    STRING_BYTES = 16,
};

struct pairs {
    char *(*at)[2];
    size_t count, max;
};

static char *read_string(struct runtime *runtime, const uint64_t header[2])
{
    char bytes[LABEL_LENGTH_MAX];
    size_t length = header[1] < sizeof(bytes) ? header[1] : sizeof(bytes);
    struct error *error = target_read_cached(runtime->target, header[0], bytes, length);
    return error_ignore(error) ? NULL : text_escaped(bytes, length);
}

/* False if one of the strings can't be read, or there is no room. */
static bool add_pair(struct runtime *runtime, struct pairs *pairs, const uint64_t key[2],
                     const uint64_t value[2])
{
    if (pairs->count >= pairs->max)
        return false;
    char *texts[2] = {read_string(runtime, key), read_string(runtime, value)};
    if (!texts[0] || !texts[1]) {
        free(texts[0]);
        free(texts[1]);
        return false;
    }
    memcpy(pairs->at[pairs->count++], texts, sizeof(texts));
    return true;
}

static void read_slice(struct runtime *runtime, address at, struct pairs *pairs)
{
    uint64_t slice[2];
    struct error *error = target_read_cached(runtime->target, at, slice, sizeof(slice));
    if (error_ignore(error) || slice[1] > LABELS_SANE)
        return;
    for (uint64_t i = 0; i < slice[1]; i++) {
        uint64_t strings[4];
        error = target_read_cached(runtime->target, slice[0] + i * sizeof(strings), strings,
                                   sizeof(strings));
        if (error_ignore(error) || !add_pair(runtime, pairs, strings, strings + 2))
            return;
    }
}

static bool read_bucket(struct runtime *runtime, address at, struct pairs *pairs)
{
    uint8_t bucket[BUCKET_SLOTS + 2 * BUCKET_SLOTS * STRING_BYTES];
    struct error *error = target_read_cached(runtime->target, at, bucket, sizeof(bucket));
    if (error_ignore(error))
        return false;
    for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
        uint64_t key[2], value[2];
        if (bucket[i] < TOPHASH_LEAST)
            continue;
        memcpy(key, bucket + BUCKET_SLOTS + i * STRING_BYTES, sizeof(key));
        memcpy(value, bucket + BUCKET_SLOTS + (BUCKET_SLOTS + i) * STRING_BYTES, sizeof(value));
        if (!add_pair(runtime, pairs, key, value))
            return false;
    }
    return true;
}

/* Labels beyond the first bucket's eight that overflowed are left out. */
static void read_map(struct runtime *runtime, address at, struct pairs *pairs)
{
    uint8_t map[24] = {0};
    uint64_t header = 0; /* a map is a pointer to its header */
    struct error *error = target_u64(runtime->target, at, &header);
    if (!error)
        error = target_read_cached(runtime->target, header, map, sizeof(map));
    unsigned log_buckets = map[9];
    if (error_ignore(error) || load_u64(map) > LABELS_SANE || log_buckets > MAP_LOG_BUCKETS_MAX)
        return;
    enum {
        BUCKET_BYTES = BUCKET_SLOTS + 2 * BUCKET_SLOTS * STRING_BYTES + 8
    };
    for (uint64_t i = 0; i < UINT64_C(1) << log_buckets; i++) {
        if (!read_bucket(runtime, load_u64(map + 16) + i * BUCKET_BYTES, pairs))
            return;
    }
}

size_t goroutine_labels(struct runtime *runtime, const struct goroutine *goroutine,
                        char *(*pairs)[2], size_t max)
{
    int minor = runtime->program->info.go_minor;
    struct pairs found = {.at = pairs, .max = max};
    if (!goroutine->labels)
        return 0;
    if (minor >= 0 && minor < SLICE_SINCE_MINOR)
        read_map(runtime, goroutine->labels, &found);
    else
        read_slice(runtime, goroutine->labels, &found);
    return found.count;
}

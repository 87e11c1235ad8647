/* Profiler labels of a goroutine (runtime/pprof). Up to 1.23 g.labels is a *map[string]string, which is not read; from 1.24 it is a pointer
 * to a slice of {key, value} strings. */
#include <string.h>

#include "base/text.h"
#include "runtime/internal.h"

enum { LABEL_LENGTH_MAX = 256, LABELS_SANE = 1024, SLICE_SINCE_MINOR = 24 };

static char *read_string(struct runtime *runtime, const uint64_t header[2])
{
    char bytes[LABEL_LENGTH_MAX];
    size_t length = header[1] < sizeof(bytes) ? header[1] : sizeof(bytes);
    struct error *error = target_read_cached(runtime->target, header[0], bytes, length);
    return error_ignore(error) ? NULL : text_escaped(bytes, length);
}

size_t goroutine_labels(struct runtime *runtime, const struct goroutine *goroutine, char *(*pairs)[2], size_t max)
{
    uint64_t slice[2];
    int minor = runtime->program->info.go_minor;
    if (!goroutine->labels || (minor >= 0 && minor < SLICE_SINCE_MINOR))
        return 0;
    struct error *error = target_read_cached(runtime->target, goroutine->labels, slice, sizeof(slice));
    if (error_ignore(error) || slice[1] > LABELS_SANE)
        return 0;
    size_t count = 0;
    for (uint64_t i = 0; i < slice[1] && count < max; i++) {
        uint64_t strings[4];
        error = target_read_cached(runtime->target, slice[0] + i * sizeof(strings), strings, sizeof(strings));
        if (error_ignore(error))
            break;
        char *key = read_string(runtime, strings), *value = read_string(runtime, strings + 2);
        if (!key || !value) {
            free(key);
            free(value);
            break;
        }
        pairs[count][0] = key;
        pairs[count++][1] = value;
    }
    return count;
}

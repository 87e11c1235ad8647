/* The text of /proc/PID/maps and smaps. */
#include <stdlib.h>

#include "fuzz.h"
#include "target/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mappings mappings = {0};
    struct error *error = mappings_parse((const char *)data, size, &mappings);
    if (error_ignore(error))
        return 0;
    for (size_t i = 0; i < mappings.length; i++) {
        const struct mapping *mapping = &mappings.at[i];
        if (mapping->end <= mapping->start || (i && mapping->start < mappings.at[i - 1].start) ||
            !mapping->path)
            abort(); /* sorted, none empty, each with a name */
        mappings_at(&mappings, mapping->start);
        mappings_at(&mappings, mapping->end);
    }
    mappings_deinit(&mappings);
    return 0;
}

#include "heap/roots.h"

struct error *all_roots(struct stack_scanner *scanner, const struct observation *observation,
                        const uint8_t *without, bool weak_too)
{
    TRY(global_roots(scanner->marker));
    TRY(finalizer_roots(scanner->marker, weak_too));
    TRY(thread_roots(scanner));
    tiny_roots(scanner->marker);
    for (size_t i = 0; i < observation->goroutines.length; i++) {
        if (!without[i])
            stack_roots(scanner, &observation->goroutines.at[i], observation->stacks);
    }
    return NULL;
}

/* Why a goroutine waits, in the program's own words: the table runtime.waitReasonStrings (runtime/runtime2.go) stands in its
 * data section as string headers that begin with "", "GC assist marking", "IO wait" in every release from 1.18 to
 * 1.27. Reading it from the program spares a table per release, and follows patch releases (1.23.4 added one). */
#include <string.h>

#include "base/text.h"
#include "runtime/internal.h"

enum {
    PIECE_BYTES = 1 << 20,
    SCAN_MAX_BYTES = 256 << 20,
    REASONS_MAX = 64,
    REASON_LENGTH_MAX = 48
};

static const char second[] = "GC assist marking";
static const char third[] = "IO wait";

static bool string_is(struct target *target, address at, uint64_t length, const char *wanted)
{
    char bytes[REASON_LENGTH_MAX];
    if (length != strlen(wanted))
        return false;
    struct error *error = target_read_cached(target, at, bytes, length);
    return !error_ignore(error) && !memcmp(bytes, wanted, length);
}

static address search_range(struct target *target, address start, address end)
{
    AUTO_FREE uint8_t *piece = xmalloc(PIECE_BYTES + 40);
    if (end > start && end - start > SCAN_MAX_BYTES)
        end = start + SCAN_MAX_BYTES;
    for (address at = (start + 7) & ~UINT64_C(7); at < end && end - at >= 48; at += PIECE_BYTES) {
        uint64_t left = end - at;
        size_t size = left < PIECE_BYTES + 40 ? left : PIECE_BYTES + 40;
        struct error *error = target_read(target, at, piece, size);
        if (error_ignore(error))
            continue;
        for (size_t i = 0; i + 48 <= size; i += 8) {
            if (load_u64(piece + i + 8) != 0 || load_u64(piece + i + 24) != strlen(second) ||
                load_u64(piece + i + 40) != strlen(third))
                continue;
            if (string_is(target, load_u64(piece + i + 16), strlen(second), second) &&
                string_is(target, load_u64(piece + i + 32), strlen(third), third))
                return at + i;
        }
    }
    return 0;
}

static bool is_plain(const char *text, uint64_t length)
{
    for (uint64_t i = 0; i < length; i++) {
        if (text[i] < ' ' || text[i] > '~')
            return false;
    }
    return true;
}

static enum wait_kind kind_of(const char *reason)
{
    static const struct {
        const char *start;
        enum wait_kind kind;
    } kinds[] = {
        {"chan receive (nil chan)", WAIT_NIL_CHAN},
        {"chan send (nil chan)", WAIT_NIL_CHAN},
        {"chan receive", WAIT_CHAN_RECEIVE},
        {"chan send", WAIT_CHAN_SEND},
        {"select (no cases)", WAIT_NO_CASES},
        {"select", WAIT_SELECT},
        {"sync.Mutex.Lock", WAIT_MUTEX},
        {"sync.RWMutex.", WAIT_RWMUTEX},
        {"sync.WaitGroup.Wait", WAIT_WAITGROUP},
        {"sync.Cond.Wait", WAIT_COND},
        {"semacquire", WAIT_SEMAPHORE},
    };
    for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
        if (!strncmp(reason, kinds[i].start, strlen(kinds[i].start)))
            return kinds[i].kind;
    }
    return WAIT_OTHER;
}

/* The strings behind the table's address, up to the first that is none. */
static void read_table(struct runtime *runtime, address table)
{
    for (unsigned i = 0; i < REASONS_MAX; i++) {
        uint64_t header[2];
        char text[REASON_LENGTH_MAX + 1] = "";
        struct error *error =
            target_read_cached(runtime->target, table + i * 16, header, sizeof(header));
        if (error_ignore(error) || header[1] > REASON_LENGTH_MAX || (i && !header[1]))
            break;
        error = header[1] ? target_read_cached(runtime->target, header[0], text, header[1]) : NULL;
        if (error_ignore(error) || !is_plain(text, header[1]))
            break;
        VECTOR_PUSH(&runtime->wait_reasons, xstrdup(text));
    }
}

void wait_reasons_read(struct runtime *runtime)
{
    const struct moduledata *module = &runtime->program->module;
    address table = search_range(runtime->target, module->data, module->data_end);
    whereabouts_note(&runtime->whereabouts, GLOBAL_WAIT_REASONS, table, FOUND_CONTENT, table);
    if (table)
        read_table(runtime, table);
    runtime->wait_kinds = xcalloc(UINT8_MAX + 1, sizeof(*runtime->wait_kinds));
    for (size_t i = 0; i < runtime->wait_reasons.length; i++)
        runtime->wait_kinds[i] = kind_of(runtime->wait_reasons.at[i]);
}

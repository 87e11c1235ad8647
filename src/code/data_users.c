/* amd64: an address stands in the code as a distance from the end of its instruction, which is at most four bytes behind the distance (a constant). arm64:
 * ADRP gives the page. */
#include "code/data_users.h"

#include <string.h>

#include "base/u64map.h"

enum {
    CHUNK = 1 << 20,
    DISTANCE_BYTES = 4,
    CONSTANT_MAX = 4,
    GRAIN_BITS = 6, /* the table of wanted places has a bit per so many bytes */
    PAGE_BITS = 12,
    WANTED_BYTES_MAX = 1 << 30,
};

struct search {
    struct target *target;
    const struct program *program;
    const address *variables;
    size_t count;
    address low, size; /* of the memory that holds all */
    uint64_t *wanted;
    struct u64map seen; /* entries */
    struct data_users *users;
    address entry; /* of the function that is decoded */
    bool complete;
};

static void want(struct search *search, address from, address to)
{
    for (uint64_t grain = (from - search->low) >> GRAIN_BITS;
         grain <= (to - search->low) >> GRAIN_BITS; grain++)
        search->wanted[grain / 64] |= UINT64_C(1) << grain % 64;
}

static inline bool is_wanted(const struct search *search, address at)
{
    uint64_t grain = (at - search->low) >> GRAIN_BITS;
    return at - search->low < search->size && search->wanted[grain / 64] >> grain % 64 & 1;
}

static bool prepare(struct search *search)
{
    bool arm64 = search->program->arch == ARCH_ARM64;
    address low = UINT64_MAX, high = 0;
    for (size_t i = 0; i < search->count; i++) {
        low = search->variables[i] < low ? search->variables[i] : low;
        high = search->variables[i] > high ? search->variables[i] : high;
    }
    search->low = (low - DATA_USERS_WINDOW) >> PAGE_BITS << PAGE_BITS;
    search->size = ((high + CONSTANT_MAX) | ((1 << PAGE_BITS) - 1)) + 1 - search->low;
    if (low < DATA_USERS_WINDOW || search->size > WANTED_BYTES_MAX)
        return false;
    search->wanted = xcalloc((search->size >> GRAIN_BITS) / 64 + 1, sizeof(*search->wanted));
    for (size_t i = 0; i < search->count; i++) {
        address from = search->variables[i] - DATA_USERS_WINDOW, to = search->variables[i];
        if (arm64)
            want(search, from >> PAGE_BITS << PAGE_BITS, to | ((1 << PAGE_BITS) - 1));
        else
            want(search, from - CONSTANT_MAX, to);
    }
    return true;
}

static void note(void *context, address at, bool taken)
{
    struct search *search = context;
    for (uint32_t i = 0; i < search->count; i++) {
        address variable = search->variables[i];
        bool exact = at == variable;
        if (!exact && !(taken && at < variable && variable - at <= DATA_USERS_WINDOW))
            continue;
        struct data_user user = {.entry = search->entry, .variable = i, .exact = exact};
        bool known = false;
        for (size_t k = search->users->length; k > 0; k--) {
            struct data_user *other = &search->users->at[k - 1];
            if (other->entry != user.entry)
                break;
            if (other->variable == i) {
                other->exact = other->exact || exact;
                known = true;
            }
        }
        if (!known)
            VECTOR_PUSH(search->users, user);
    }
}

static void decode(struct search *search, address pc)
{
    struct func func;
    bool is_new = false;
    if (!pclntab_func(&search->program->pclntab, pc, &func))
        return;
    u64map_intern(&search->seen, func.entry, 1, &is_new);
    if (!is_new)
        return;
    if (search->seen.length > DATA_USERS_MAX) {
        search->complete = false;
        return;
    }
    search->entry = func.entry;
    error_ignore(data_refs_each(search->target, search->program, &func, note, search));
}

static void search_amd64(struct search *search, const uint8_t *bytes, size_t size, address start)
{
    for (size_t i = 0; i + DISTANCE_BYTES <= size; i++) {
        int32_t distance;
        memcpy(&distance, bytes + i, DISTANCE_BYTES);
        address at = start + i + DISTANCE_BYTES + (uint64_t)(int64_t)distance;
        if (is_wanted(search, at))
            decode(search, start + i);
    }
}

static void search_arm64(struct search *search, const uint8_t *bytes, size_t size, address start)
{
    for (size_t i = 0; i + 4 <= size; i += 4) {
        uint32_t word;
        memcpy(&word, bytes + i, 4);
        if ((word & 0x9f000000) != 0x90000000) /* ADRP */
            continue;
        uint64_t pages = (uint64_t)(word >> 5 & 0x7ffff) << 2 | (word >> 29 & 3);
        uint64_t far = (uint64_t)((int64_t)(pages << 43) >> 43) << PAGE_BITS;
        if (is_wanted(search, ((start + i) >> PAGE_BITS << PAGE_BITS) + far))
            decode(search, start + i);
    }
}

static void search_bytes(struct search *search, const uint8_t *bytes, size_t size, address start)
{
    if (search->program->arch == ARCH_AMD64)
        search_amd64(search, bytes, size, start);
    else
        search_arm64(search, bytes, size, start);
}

/* In place where the executable's file holds it. A distance may lie across two chunks. */
static void search_text(struct search *search)
{
    const struct pclntab *table = &search->program->pclntab;
    address at = table->text;
    AUTO_FREE uint8_t *copy = NULL;
    while (at < table->text_end && search->complete) {
        size_t left = 0;
        uint64_t size = table->text_end - at;
        const uint8_t *bytes = target_view(search->target, at, false, &left);
        if (bytes && left >= DISTANCE_BYTES) {
            size = size < left ? size : left;
            search_bytes(search, bytes, size, at);
        } else {
            size = size < CHUNK ? size : CHUNK;
            copy = copy ? copy : xmalloc(CHUNK);
            struct error *error = target_read(search->target, at, copy, size);
            if (error_ignore(error))
                search->complete = false;
            else
                search_bytes(search, copy, size, at);
        }
        at += size > DISTANCE_BYTES ? size - (DISTANCE_BYTES - 1) : size;
        at = search->program->arch == ARCH_ARM64 ? (at + 3) & ~UINT64_C(3) : at;
    }
}

bool data_users_find(struct target *target, const struct program *program, const address *variables,
                     size_t count, struct data_users *users_ret)
{
    struct search search = {.target = target,
                            .program = program,
                            .variables = variables,
                            .count = count < DATA_USERS_VARIABLES ? count : DATA_USERS_VARIABLES,
                            .users = users_ret,
                            .complete = count <= DATA_USERS_VARIABLES};
    *users_ret = (struct data_users){0};
    if (!count)
        return true;
    if (!prepare(&search))
        return false;
    search_text(&search);
    u64map_deinit(&search.seen);
    free(search.wanted);
    return search.complete;
}

/* Direct calls are found by their bytes, without a disassembler: a 32-bit distance that leads to
 * the very entry of a wanted function is no accident. */
#include "code/calls.h"

#include <string.h>

#include "base/memory.h"
#include "base/u64map.h"
#include "base/vector.h"
#include "code/body.h"

struct visit {
    struct func func;
    unsigned level;
};

struct search {
    struct target *target;
    const struct program *program;
    const address *targets;
    size_t target_count;
    unsigned depth;
    address except_return_pc;
    struct u64map seen; /* entries */
    struct visits VECTOR_OF(struct visit) visits;
};

bool calls_next(enum architecture arch, const uint8_t *bytes, size_t size, address entry,
                size_t *at_ret, address *callee_ret)
{
    size_t length = arch == ARCH_AMD64 ? 5 : 4;
    size_t step = arch == ARCH_AMD64 ? 1 : 4;
    for (size_t at = *at_ret; at < size && size - at >= length; at += step) {
        address distance;
        if (arch == ARCH_AMD64) {
            const uint8_t *found = memchr(bytes + at, 0xe8, size - at - (length - 1));
            if (!found)
                break;
            at = (size_t)(found - bytes);
            int32_t relative;
            memcpy(&relative, found + 1, 4);
            distance = (address)(int64_t)relative + length;
        } else {
            uint32_t word;
            memcpy(&word, bytes + at, 4);
            if (word >> 26 != 0x25) /* BL */
                continue;
            distance = (address)((int64_t)((uint64_t)word << 38) >> 38) * 4;
        }
        *callee_ret = entry + at + distance;
        *at_ret = at + step;
        return true;
    }
    *at_ret = size;
    return false;
}

bool calls_is_standard(const struct program *program, const char *name)
{
    /* Type arguments ("Map[github.com/x/y.T]") say nothing about where the function is from. */
    size_t length = strcspn(name, "[");
    const char *slash = memchr(name, '/', length);
    const char *own = program->info.main_module;
    size_t own_length = own ? strlen(own) : 0;
    if (own_length > 0 && strncmp(name, own, own_length) == 0 &&
        (name[own_length] == '/' || name[own_length] == '.'))
        return false;
    if (strncmp(name, "main.", 5) == 0)
        return false;
    /* In a path of one element its dots are escaped (cmd/internal/objabi/path.go):
     * "example%2ecom.F". */
    size_t element = slash ? (size_t)(slash - name) : length;
    return !(slash && memchr(name, '.', element)) && !memmem(name, element, "%2e", 3);
}

static void enter(struct search *search, const struct func *func, unsigned level)
{
    bool is_new = false;
    if (search->visits.length >= CALLS_FUNCTIONS_MAX)
        return;
    u64map_intern(&search->seen, func->entry, 1, &is_new);
    if (is_new)
        VECTOR_PUSH(&search->visits, (struct visit){.func = *func, .level = level});
}

static bool is_target(const struct search *search, address callee)
{
    for (size_t i = 0; i < search->target_count; i++)
        if (search->targets[i] == callee)
            return true;
    return false;
}

/* True if the function calls a target; notes the functions to visit next. */
static bool look_through(struct search *search, const struct func *func, unsigned level)
{
    const struct pclntab *table = &search->program->pclntab;
    AUTO_BODY struct body body = {0};
    if (error_ignore(body_read(search->target, func, &body)))
        return false;
    size_t at = 0;
    size_t behind =
        search->program->arch == ARCH_AMD64 ? 4 : 0; /* from `at` to the end of the call */
    address callee;
    while (calls_next(search->program->arch, body.bytes, body.size, func->entry, &at, &callee)) {
        if (is_target(search, callee)) {
            if (func->entry + at + behind != search->except_return_pc)
                return true;
            continue;
        }
        struct func next;
        if (level < search->depth && pclntab_func(table, callee, &next) && next.entry == callee &&
            !calls_is_standard(search->program, func_name(table, &next)))
            enter(search, &next, level + 1);
    }
    return false;
}

bool calls_reach(struct target *target, const struct program *program, const struct func *from,
                 const address *targets, size_t target_count, unsigned depth,
                 address except_return_pc)
{
    struct search search = {
        .target = target,
        .program = program,
        .targets = targets,
        .target_count = target_count,
        .depth = depth,
        .except_return_pc = except_return_pc,
    };
    bool found = false;
    enter(&search, from, 0);
    for (size_t i = 0; i < search.visits.length && !found; i++) {
        struct visit visit = search.visits.at[i]; /* copied: the array grows */
        found = look_through(&search, &visit.func, visit.level);
    }
    u64map_deinit(&search.seen);
    VECTOR_DEINIT(&search.visits);
    return found;
}

/* Where the names stand in the table of names: offset to index. A name may stand there more than
 * once: that of a function and that of its wrapper for assembly. */
static void find_names(const struct bytes *table, const char *const *names, size_t count,
                       struct u64map *offsets_ret)
{
    AUTO_FREE size_t *lengths = xmalloc((count + 1) * sizeof(*lengths));
    uint64_t any_length = 0; /* bit n: a name whose length is n modulo 64 */
    for (size_t n = 0; n < count; n++) {
        lengths[n] = strlen(names[n]);
        any_length |= UINT64_C(1) << lengths[n] % 64;
    }
    for (size_t at = 0; at < table->size && at < UINT32_MAX;) {
        const uint8_t *name = table->at + at;
        const uint8_t *end = memchr(name, '\0', table->size - at);
        if (!end)
            break;
        size_t length = (size_t)(end - name);
        for (size_t n = 0; n < count && any_length >> length % 64 & 1; n++)
            if (lengths[n] == length && memcmp(names[n], name, length) == 0)
                u64map_set(offsets_ret, at, (uint32_t)n);
        at += length + 1;
    }
}

void calls_entries(const struct program *program, const char *const *names, size_t count,
                   struct named_entries *entries_ret)
{
    const struct pclntab *table = &program->pclntab;
    struct u64map offsets = {0};
    struct func func;
    uint32_t name;
    find_names(&table->names, names, count, &offsets);
    for (uint64_t i = 0; i < table->function_count; i++) {
        if (pclntab_func_at(table, i, &func) && func.name_offset >= 0 &&
            u64map_get(&offsets, (uint64_t)func.name_offset, &name))
            VECTOR_PUSH(entries_ret, (struct named_entry){.entry = func.entry, .name = name});
    }
    u64map_deinit(&offsets);
}

size_t calls_resolve(const struct program *program, const char *const *names, size_t count,
                     address *entries_ret)
{
    struct named_entries entries = {0};
    calls_entries(program, names, count, &entries);
    AUTO_FREE bool *seen = xcalloc(count + 1, sizeof(*seen));
    size_t found = 0;
    for (size_t i = 0; i < entries.length; i++) {
        const struct named_entry *entry = &entries.at[i];
        if (!seen[entry->name])
            entries_ret[found++] = entry->entry;
        seen[entry->name] = true;
    }
    VECTOR_DEINIT(&entries);
    return found;
}

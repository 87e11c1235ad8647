#include "code/data_refs.h"
#include "heap/roots.h"

enum {
    PROCESSORS_MAX = 1 << 16,
};

/* A slice of Ps: the i-th says that it is number i, and has a cache of its own outside the heap. */
static bool read_list(struct heap *heap, address header, struct processors *processors)
{
    const struct offsets *offsets = &heap->runtime->offsets;
    uint64_t words[3];
    struct error *error = target_read_cached(heap->target, header, words, sizeof(words));
    if (error_ignore(error) || !words[1] || words[1] > words[2] || words[1] > PROCESSORS_MAX ||
        words[0] % 8 || !is_user_address(words[0]))
        return false;
    for (uint64_t i = 0; i < words[1]; i++) {
        uint64_t p = 0, cache = 0;
        uint32_t id = 0;
        struct object object;
        error = target_u64(heap->target, words[0] + i * 8, &p);
        if (!error)
            error = target_u32(heap->target, p + (uint64_t)offsets->p_id, &id);
        if (!error)
            error = target_u64(heap->target, p + (uint64_t)offsets->p_mcache, &cache);
        if (error_ignore(error) || id != i || !objects_at(&heap->objects, p, &object) ||
            (cache && objects_at(&heap->objects, cache, &object)))
            return false;
        VECTOR_PUSH(processors, p);
    }
    return true;
}

void processors_find(struct heap *heap, struct processors *processors_ret)
{
    static const char *const users[] = {"runtime.gcMarkTinyAllocs", "runtime.preemptall"};
    const struct offsets *offsets = &heap->runtime->offsets;
    const struct moduledata *module = &heap->runtime->program->module;
    struct data_refs refs = {0};
    address at = 0;
    *processors_ret = (struct processors){0};
    if (offsets->p_id == ABSENT || offsets->p_mcache == ABSENT)
        return;
    for (size_t i = 0; i < LENGTH_OF(users); i++)
        data_refs_add(heap->target, heap->runtime->program, users[i], module->noptrdata,
                      module->noptrbss_end, &refs);
    for (size_t i = 0; i < refs.length; i++) {
        if (refs.at[i] % 8 == 0 && read_list(heap, refs.at[i], processors_ret)) {
            at = refs.at[i];
            break;
        }
        processors_ret->length = 0;
    }
    VECTOR_DEINIT(&refs);
    whereabouts_note(&heap->runtime->whereabouts, GLOBAL_ALLP, at, FOUND_CODE, at);
}

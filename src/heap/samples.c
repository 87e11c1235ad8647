/* A sample is a special of the object's span; it leads to a bucket outside the heap, which all objects made by the same stack share: six words, of which the third
 * is its kind and the last the number of return addresses that follow, innermost first. */
#include "heap/samples.h"

#include <string.h>

#include "base/u64map.h"
#include "heap/specials.h"

enum {
    SAMPLES_MAX = 1 << 22,
    BUCKET_WORDS = 6,
    BUCKET_KIND = 2,
    BUCKET_COUNT = 5,
    KIND_MEMORY = 1, /* memProfile */
    DEPTH_MAX = 64,  /* looked at; a stack may be longer */
};

struct gathering {
    struct heap *heap;
    struct samples *samples;
    struct u64map places; /* bucket -> index into pcs */
    struct place_list VECTOR_OF(address) pcs;
};

static bool is_runtime(const struct pclntab *table, address pc)
{
    struct source_frame frame;
    return pclntab_frames(table, pc - 1, &frame, 1) &&
           (!strncmp(frame.function, "runtime.", 8) ||
            !strncmp(frame.function, "internal/runtime/", 17));
}

/* The first frame that is not the runtime's, whose functions may be inlined: of what stands at its address all frames may be. */
static address place_of(struct heap *heap, address bucket)
{
    const struct pclntab *table = &heap->runtime->program->pclntab;
    uint64_t words[BUCKET_WORDS], pcs[DEPTH_MAX];
    struct func func;
    if (!is_user_address(bucket) ||
        error_ignore(target_read_cached(heap->target, bucket, words, sizeof(words))) ||
        words[BUCKET_KIND] != KIND_MEMORY)
        return 0;
    size_t count = words[BUCKET_COUNT] < DEPTH_MAX ? words[BUCKET_COUNT] : DEPTH_MAX;
    if (error_ignore(
            target_read_cached(heap->target, bucket + sizeof(words), pcs, count * sizeof(*pcs))))
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (pclntab_func(table, pcs[i] - 1, &func) && !is_runtime(table, pcs[i]))
            return pcs[i];
    }
    return 0;
}

static address place_of_bucket(struct gathering *gathering, address bucket)
{
    uint32_t index = 0;
    if (u64map_get(&gathering->places, bucket, &index))
        return gathering->pcs.at[index];
    address pc = place_of(gathering->heap, bucket);
    u64map_set(&gathering->places, bucket, (uint32_t)gathering->pcs.length);
    VECTOR_PUSH(&gathering->pcs, pc);
    return pc;
}

static void take_special(void *context, const struct special *special)
{
    struct gathering *gathering = context;
    const struct objects *objects = &gathering->heap->objects;
    struct object object;
    if (special->kind != SPECIAL_PROFILE || gathering->samples->list.length >= SAMPLES_MAX ||
        !objects_at(objects, special->owner, &object))
        return;
    VECTOR_PUSH(&gathering->samples->list,
                (struct sample){.number = object_number(objects, object),
                                .pc = place_of_bucket(gathering, special->words[0])});
}

static int by_number(const void *left, const void *right)
{
    const struct sample *a = left, *b = right;
    return a->number < b->number ? -1 : a->number > b->number;
}

void samples_read(struct heap *heap, struct samples *samples_ret)
{
    struct gathering gathering = {.heap = heap, .samples = samples_ret};
    *samples_ret = (struct samples){0};
    (void)error_ignore(specials_each(heap, take_special, &gathering));
    if (samples_ret->list.length)
        qsort(samples_ret->list.at, samples_ret->list.length, sizeof(*samples_ret->list.at),
              by_number);
    u64map_deinit(&gathering.places);
    VECTOR_DEINIT(&gathering.pcs);
}

void samples_deinit(struct samples *samples)
{
    VECTOR_DEINIT(&samples->list);
}

const struct sample *samples_find(const struct samples *samples, uint32_t number)
{
    const struct sample wanted = {.number = number};
    return samples->list.length
               ? bsearch(&wanted, samples->list.at, samples->list.length, sizeof(wanted), by_number)
               : NULL;
}

void sample_place(const struct heap *heap, const struct sample *sample, struct text *place)
{
    struct source_frame frame;
    if (!pclntab_frames(&heap->runtime->program->pclntab, sample->pc - 1, &frame, 1)) {
        text_puts(place, "?");
        return;
    }
    AUTO_FREE char *function = function_shown(frame.function);
    const char *slash = frame.file ? strrchr(frame.file, '/') : NULL;
    const char *file = slash ? slash + 1 : frame.file;
    text_printf(place, "%s (", function);
    text_escape(place, file ? file : "?", strnlen(file ? file : "?", 256));
    text_printf(place, ":%d)", frame.line);
}

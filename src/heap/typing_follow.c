/* From what is typed to what it points to: object by object, those of a span together, because their bytes lie together (as in mark.c). A child is as sure as
 * its parent at the most. */
#include <string.h>

#include "heap/typing_internal.h"

enum {
    DEPTH_MAX = 16,
    BUDGET_LEAST = 64,
};

static enum typing_way weaker(enum typing_way a, enum typing_way b)
{
    return a < b ? a : b;
}

static uint64_t word_at(const uint8_t *bytes, uint64_t at)
{
    uint64_t word;
    memcpy(&word, bytes + at, sizeof(word));
    return word;
}

/* `count` values; false if that is none, or more than a heap can have. */
static bool extent_of(const struct form *form, uint64_t count, uint64_t *extent_ret)
{
    return form->size && count && !__builtin_mul_overflow(form->size, count, extent_ret);
}

static void claim_several(struct typing *typing, uint64_t word, uint32_t form, uint64_t count,
                          enum typing_way way)
{
    uint64_t extent = 0;
    if (form && extent_of(form_at(&typing->forms, form), count, &extent))
        typing_claim(typing, word, form, extent, way);
}

/* An interface's pointer leads to the value, or is the value. */
static void follow_dynamic(struct typing *typing, uint32_t form, const uint8_t *data,
                           enum typing_way way)
{
    const struct form *value = form_at(&typing->forms, form);
    way = way >= TYPED_PARENT ? TYPED_INTERFACE : way;
    if (!form)
        return;
    if (value->direct)
        typing_follow_value(typing, form, data, 8, way);
    else
        typing_claim(typing, word_at(data, 0), form, value->size, way);
}

/* Maps: the one group of a small map, or a directory (internal/runtime/maps/map.go). */
static void follow_directory(struct typing *typing, const struct leaf *leaf, const uint8_t *value,
                             uint64_t room, enum typing_way way)
{
    struct forms *forms = &typing->forms;
    if (forms->layouts.directory_length > room - 8)
        return;
    uint64_t word = word_at(value, leaf->offset),
             length = word_at(value, forms->layouts.directory_length);
    if (length)
        claim_several(typing, word, leaf->form, length, way);
    else
        claim_several(typing, word, form_of(forms, FORM_BUCKETS, form_at(forms, leaf->form)->type),
                      1, way);
}

static unsigned leaf_words(enum leaf_kind kind)
{
    return kind == LEAF_SLICE                                                 ? 3
           : kind == LEAF_COUNTED || kind == LEAF_ANY || kind == LEAF_METHODS ? 2
                                                                              : 1;
}

static void follow_repeat(struct typing *typing, const struct leaf *leaf, const uint8_t *value,
                          uint64_t room, enum typing_way way)
{
    uint64_t size = form_at(&typing->forms, leaf->form)->size;
    for (uint64_t i = 0; i < leaf->count && size <= room && typing->budget;
         i++, room -= size, value += size)
        typing_follow_value(typing, leaf->form, value, size, way);
}

static uint64_t word_within(const uint8_t *value, uint64_t room, uint64_t at)
{
    return at <= room - 8 ? word_at(value, at) : 0;
}

void typing_follow_leaf(struct typing *typing, const struct leaf *leaf, const uint8_t *value,
                        uint64_t room, enum typing_way way)
{
    struct forms *forms = &typing->forms;
    if (leaf->offset + leaf_words(leaf->kind) * UINT64_C(8) > room)
        return;
    const uint8_t *at = value + leaf->offset;
    typing->origin.leaf = at;
    uint64_t word = word_at(at, 0);
    enum typing_way child = way == TYPED_RUNTIME ? TYPED_PARENT : way;
    switch ((enum leaf_kind)leaf->kind) {
    case LEAF_POINTER:
        if (leaf->form)
            typing_claim(typing, word, leaf->form, form_at(forms, leaf->form)->size, child);
        break;
    case LEAF_SLICE:
        claim_several(typing, word, leaf->form, word_at(at, 16), child);
        break;
    case LEAF_COUNTED:
        claim_several(typing, word, leaf->form, word_at(at, 8), child);
        break;
    case LEAF_ANY:
        if (word)
            follow_dynamic(typing, form_of(forms, FORM_VALUE, word), at + 8, child);
        break;
    case LEAF_METHODS:
        if (word)
            follow_dynamic(typing, form_of_itab(forms, word), at + 8, child);
        break;
    case LEAF_FUNCTION:
        typing_claim(typing, word, 0, 8, weaker(way, TYPED_CODE));
        break;
    case LEAF_BUCKETS:
        claim_several(typing, word, leaf->form, 1, child);
        break;
    case LEAF_DIRECTORY:
        follow_directory(typing, leaf, value, room, child);
        break;
    case LEAF_GROUPS:
        claim_several(typing, word, leaf->form,
                      word_within(value, room, forms->layouts.group_mask) + 1, child);
        break;
    case LEAF_BUFFER:
        claim_several(
            typing, word, leaf->form,
            word_within(value, room, (uint64_t)typing->heap->runtime->offsets.hchan_capacity),
            child);
        break;
    case LEAF_REPEAT:
        follow_repeat(typing, leaf, at, room - leaf->offset, way);
        break;
    }
}

void typing_follow_value(struct typing *typing, uint32_t form, const uint8_t *bytes, uint64_t room,
                         enum typing_way way)
{
    uint32_t count = 0;
    if (typing->depth >= DEPTH_MAX)
        return;
    typing->depth++;
    form_leaves(&typing->forms, form, &count);
    uint32_t first = form_at(&typing->forms, form)->first_leaf;
    for (uint32_t i = 0; i < count && typing->budget; i++, typing->budget--) {
        const struct leaf leaf = typing->forms.leaves.at[first + i]; /* the array may move */
        typing_follow_leaf(typing, &leaf, bytes, room, way);
    }
    typing->depth--;
}

static void follow_object(struct typing *typing, const struct object_span *span, uint32_t number)
{
    struct object object = {.span = (uint32_t)(span - typing->heap->objects.spans),
                            .index = number - span->first};
    const struct form form = *form_at(&typing->forms, typing_known_form(typing, number));
    enum typing_way way = weaker(typing_known_way(typing, number), TYPED_PARENT);
    uint64_t size = object_size(&typing->heap->objects, object), payload = typing_payload(span);
    const uint8_t *bytes = span->bytes + object.index * size + payload;
    uint64_t room = size - payload;
    typing->budget = room / 8 + BUDGET_LEAST;
    if (!form_repeats(&form)) {
        typing_follow_value(typing, typing_known_form(typing, number), bytes, room, way);
        return;
    }
    for (uint64_t done = 0; form.size && room - done >= form.size && form.pointer_bytes;
         done += form.size)
        typing_follow_value(typing, typing_known_form(typing, number), bytes + done, form.size,
                            way);
}

static void follow_span(struct typing *typing, uint32_t index)
{
    const struct object_span *span = heap_contents(typing->heap, index);
    const struct object_span *known = &typing->heap->objects.spans[index];
    uint32_t end = known->first + known->count;
    for (uint32_t at = known->first; at < end;) {
        uint64_t bits = typing->pending[at / 64] >> at % 64;
        if (!bits) {
            at = (at / 64 + 1) * 64;
            continue;
        }
        at += (uint32_t)__builtin_ctzll(bits);
        if (at >= end)
            return;
        typing->pending[at / 64] &= ~(UINT64_C(1) << at % 64);
        if (span)
            follow_object(typing, span, at);
        at++;
    }
}

/* ---- asking for memory before it is needed */

static const struct object_span *queued(const struct typing *typing, size_t ahead)
{
    size_t at = typing->queue_first + ahead, count = typing->heap->objects.span_count;
    if (ahead >= typing->queue_length)
        return NULL;
    return &typing->heap->objects.spans[typing->queue[at < count ? at : at - count]];
}

/* The bytes of the span's pending objects, of the first few, and what is known of their pointers' forms. */
static void prefetch_objects(const struct typing *typing, const struct object_span *span)
{
    enum {
        OBJECTS_MAX = 8,
        LINE = 64,
        LINES_MAX = 2
    };
    unsigned objects = 0;
    if (!span->bytes)
        return;
    for (uint64_t word = span->first / 64, last = ((uint64_t)span->first + span->count - 1) / 64;
         word <= last && objects < OBJECTS_MAX; word++) {
        uint64_t pending = typing->pending[word];
        for (; pending && objects < OBJECTS_MAX; pending &= pending - 1, objects++) {
            uint64_t index = word * 64 + (unsigned)__builtin_ctzll(pending) - span->first;
            if (index >= span->count)
                continue;
            for (unsigned line = 0; line < LINES_MAX && line * LINE <= span->size; line++)
                __builtin_prefetch(span->bytes + index * span->size + line * LINE);
            __builtin_prefetch(&typing->known[span->first + index]);
        }
    }
}

static void look_ahead(const struct typing *typing)
{
    enum {
        FAR = 48,
        NEARER = 32,
        NEAR = 16
    };
    const struct object_span *far = queued(typing, FAR), *nearer = queued(typing, NEARER),
                             *near = queued(typing, NEAR);
    if (far)
        __builtin_prefetch(far);
    if (nearer)
        __builtin_prefetch(&typing->pending[nearer->first / 64]);
    if (near)
        prefetch_objects(typing, near);
}

static void drain_queue(struct typing *typing)
{
    typing_judge(typing);
    while (typing->queue_length) {
        uint32_t span = typing->queue[typing->queue_first];
        typing->queue_length--;
        if (++typing->queue_first == typing->heap->objects.span_count)
            typing->queue_first = 0;
        typing->queued[span] = false;
        look_ahead(typing);
        follow_span(typing, span);
        if (!typing->queue_length)
            typing_judge(typing);
    }
}

void typing_drain(struct typing *typing)
{
    do {
        drain_queue(typing);
    } while (typing_follow_statics(typing));
}

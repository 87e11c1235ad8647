/* What shows itself where nothing is known: in variables without a type, and in objects that nobody told. An interface is two words: one that is no pointer for the
 * collector and names a type or an itab, and one that is (cmd/compile/internal/typebits). A closure begins with the entry of a function. Both are
 * checked: the descriptor must make sense, and the object that is led to must fit it. */
#include <string.h>

#include "heap/typing_internal.h"

enum {
    CHUNK_WORDS = 1 << 16,
};

static bool bit_at(const uint64_t *bits, uint64_t at)
{
    return bits[at / 64] >> at % 64 & 1;
}

static bool may_be_itab(const struct typing *typing, uint64_t word)
{
    return word % 8 == 0 && is_user_address(word) && !objects_page(&typing->heap->objects, word);
}

void typing_claim_pair(struct typing *typing, uint64_t before, uint64_t word, address at)
{
    const struct moduledata *module = &typing->heap->runtime->program->module;
    uint32_t form = 0;
    if (before % 8 || before < 4096)
        return;
    if (before >= module->types && before < module->types_end)
        form = form_of(&typing->forms, FORM_VALUE, before);
    if (!form && may_be_itab(typing, before))
        form = form_of_itab(&typing->forms, before);
    const struct form *value = form_at(&typing->forms, form);
    typing->budget = 8;
    typing_from(typing, at, &word);
    if (form && value->direct)
        typing_follow_value(typing, form, (const uint8_t *)&word, 8, TYPED_PAIR);
    else if (form)
        typing_claim(typing, word, form, value->size, TYPED_PAIR);
    typing_from(typing, 0, NULL);
}

/* Pairs among `count` words from the first-th bit on, of data `at` an address; 0: of an object. */
static void take_pairs(struct typing *typing, const uint64_t *words, const uint64_t *bits,
                       uint64_t first, uint64_t count, address at)
{
    for (uint64_t i = 1; i < count; i++) {
        if (words[i] && bit_at(bits, first + i) && !bit_at(bits, first + i - 1))
            typing_claim_pair(typing, words[i - 1], words[i], at ? at + i * 8 : 0);
    }
}

/* ---- variables */

static struct error *take_section(struct typing *typing, address start, address end, address mask,
                                  uint64_t bits)
{
    struct target *target = typing->heap->target;
    uint64_t words = end > start ? (end - start) / 8 : 0;
    words = words < bits ? words : bits;
    AUTO_FREE uint64_t *chunk = xmalloc(CHUNK_WORDS * sizeof(*chunk));
    AUTO_FREE uint64_t *map = xcalloc(CHUNK_WORDS / 64 + 1, sizeof(*map));
    for (uint64_t done = 0; mask && done < words; done += CHUNK_WORDS) {
        uint64_t count = words - done < CHUNK_WORDS ? words - done : CHUNK_WORDS;
        TRY(target_read(target, start + done * 8, chunk, count * 8));
        TRY(target_read(target, mask + done / 8, map, (count + 7) / 8));
        take_pairs(typing, chunk, map, 0, count, start + done * 8);
    }
    return NULL;
}

struct error *typing_seed_pairs(struct typing *typing)
{
    const struct moduledata *module = &typing->heap->runtime->program->module;
    TRY(take_section(typing, module->data, module->data_end, module->gcdatamask_bytes,
                     module->gcdatamask_bits));
    return take_section(typing, module->bss, module->bss_end, module->gcbssmask_bytes,
                        module->gcbssmask_bits);
}

/* ---- objects */

/* Most first words are no code, which is seen at once. */
static uint32_t closure_at(struct typing *typing, uint64_t word)
{
    const struct moduledata *module = &typing->heap->runtime->program->module;
    return word >= module->text && word < module->text_end ? form_of_closure(&typing->forms, word)
                                                           : 0;
}

/* Of an object that begins with something known the rest is not. */
static bool is_unknown(const struct typing *typing, uint32_t number)
{
    return !typing_known_form(typing, number) || typing_known_way(typing, number) == TYPED_WITHIN;
}

static void take_unknown(struct typing *typing, const struct object_span *span, uint32_t index)
{
    const uint64_t *words = (const uint64_t *)(const void *)span->bytes;
    struct object object = {.span = (uint32_t)(span - typing->heap->objects.spans), .index = index};
    uint64_t count = object_size(&typing->heap->objects, object) / 8, first = index * count;
    if (!typing_known_form(typing, span->first + index) && !bit_at(span->bits, first)) {
        uint32_t closure = closure_at(typing, words[first]);
        if (closure)
            typing_claim(typing, object_address(&typing->heap->objects, object), closure, 8,
                         TYPED_PAIR);
    }
    take_pairs(typing, words + first, span->bits, first, count, 0);
}

static void take_span(struct typing *typing, uint32_t index)
{
    const struct object_span *known = &typing->heap->objects.spans[index];
    bool any = false;
    if (known->format != POINTERS_BITS)
        return;
    for (uint32_t i = 0; i < known->count && !any; i++)
        any = is_unknown(typing, known->first + i);
    const struct object_span *span = any ? heap_contents(typing->heap, index) : NULL;
    if (!span || span->format != POINTERS_BITS)
        return;
    AUTO_FREE uint8_t *allocated = heap_allocated(typing->heap, index);
    for (uint32_t i = 0; i < span->count; i++) {
        if (is_unknown(typing, span->first + i) && allocated[i / 8] >> i % 8 & 1)
            take_unknown(typing, span, i);
    }
}

void typing_seed_unknown(struct typing *typing)
{
    for (uint32_t i = 0; i < typing->heap->objects.span_count; i++)
        take_span(typing, i);
}

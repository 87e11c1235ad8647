#include "heap/typing.h"

#include <inttypes.h>
#include <string.h>

#include "heap/hot_memory.h"
#include "heap/typing_internal.h"

enum {
    CLASSES = 128,
    ROUNDS_MAX = 8, /* of looking at what is still unknown */
};

/* ---- opening */

/* The largest size that would have come into a smaller class: classes are learned from the spans that are there. A large object is as many pages as it needs. */
static void learn_classes(struct typing *typing)
{
    const struct objects *objects = &typing->heap->objects;
    uint64_t sizes[CLASSES] = {0};
    for (size_t i = 0; i < objects->span_count; i++)
        sizes[objects->source[i].class >> 1] = objects->source[i].element_size;
    typing->fits = xcalloc(objects->span_count + 1, sizeof(*typing->fits));
    for (size_t i = 0; i < objects->span_count; i++) {
        unsigned class = objects->source[i].class >> 1;
        uint64_t size = objects->source[i].element_size, below = 0;
        for (unsigned k = 1; k < class; k++)
            below = sizes[k] > below && sizes[k] < size ? sizes[k] : below;
        if (!class)
            below = size > SPAN_PAGE_BYTES ? size - SPAN_PAGE_BYTES : 0;
        typing->fits[i] = below < UINT32_MAX ? (uint32_t)below : UINT32_MAX;
    }
}

/* Untyped objects may show what they hold, which may tell what others are. */
static void look_at_unknown(struct typing *typing)
{
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        uint64_t before = typing->typed;
        typing_seed_unknown(typing);
        typing_drain(typing);
        if (typing->typed == before)
            return;
    }
}

static struct error *find_forms(struct typing *typing)
{
    typing_seed_headers(typing);
    typing_drain(typing);
    typing_seed_runtime(typing);
    typing_drain(typing);
    typing_seed_variables(typing);
    typing_drain(typing);
    typing_seed_stacks(typing);
    typing_drain(typing);
    TRY(typing_seed_pairs(typing));
    typing_drain(typing);
    typing_seed_code(typing);
    typing_drain(typing);
    typing_seed_samples(typing);
    typing_drain(typing);
    typing_seed_more_code(typing);
    typing_drain(typing);
    look_at_unknown(typing);
    return NULL;
}

struct error *typing_open(struct heap *heap, const struct observation *observation,
                          const struct variable_types *variables, struct typing **typing_ret)
{
    struct typing *typing = xcalloc(1, sizeof(*typing));
    *typing = (struct typing){.heap = heap, .observation = observation, .variables = variables};
    forms_open(heap->runtime, &typing->forms);
    if (!error_ignore(code_types_open(heap->target, heap->runtime->program, &typing->code)))
        typing->forms.code = &typing->code;
    typing->known = hot_memory((size_t)heap->objects.count + 1, sizeof(*typing->known));
    typing->pending = hot_memory(heap->objects.count / 64 + 2, sizeof(*typing->pending));
    typing->queue = xcalloc(heap->objects.span_count + 1, sizeof(*typing->queue));
    typing->queued = xcalloc(heap->objects.span_count + 1, sizeof(*typing->queued));
    typing->tiny = form_of(&typing->forms, FORM_TINY, 0);
    learn_classes(typing);
    samples_read(heap, &typing->samples);
    struct error *error = find_forms(typing);
    if (error) {
        typing_close(typing);
        return error_context(error, "typing the heap's objects");
    }
    *typing_ret = typing;
    return NULL;
}

void typing_close(struct typing *typing)
{
    if (!typing)
        return;
    forms_close(&typing->forms);
    code_types_close(&typing->code);
    samples_deinit(&typing->samples);
    VECTOR_DEINIT(&typing->statics);
    u64map_deinit(&typing->static_index);
    free(typing->known);
    free(typing->pending);
    free(typing->queue);
    free(typing->queued);
    free(typing->fits);
    free(typing);
}

/* ---- asking */

uint32_t typing_form(const struct typing *typing, uint32_t number)
{
    return typing_known_form(typing, number);
}

enum typing_way typing_way(const struct typing *typing, uint32_t number)
{
    return typing_known_way(typing, number);
}

uint32_t typing_forms(const struct typing *typing)
{
    return (uint32_t)typing->forms.list.length;
}

const char *typing_form_name(struct typing *typing, uint32_t form)
{
    return form_name(&typing->forms, form);
}

void typing_name(struct typing *typing, struct object object, struct text *name)
{
    uint32_t form = typing_known_form(typing, object_number(&typing->heap->objects, object));
    if (form) {
        text_puts(name, form_name(&typing->forms, form));
        return;
    }
    text_printf(name, "%" PRIu64 " B %s pointers", object_size(&typing->heap->objects, object),
                typing_is_noscan(typing, object.span) ? "without" : "with");
    struct text place = {0};
    if (typing_place(typing, object, &place))
        text_printf(name, " from %s", place.bytes);
    text_deinit(&place);
}

bool typing_place(const struct typing *typing, struct object object, struct text *place)
{
    const struct sample *sample =
        samples_find(&typing->samples, object_number(&typing->heap->objects, object));
    if (!sample || !sample->pc)
        return false;
    sample_place(typing->heap, sample, place);
    return true;
}

uint64_t typing_count(struct typing *typing, struct object object)
{
    const struct form *form = form_at(
        &typing->forms, typing_known_form(typing, object_number(&typing->heap->objects, object)));
    uint64_t room = object_size(&typing->heap->objects, object) -
                    typing_payload(&typing->heap->objects.spans[object.span]);
    if (form->kind == FORM_UNKNOWN)
        return 0;
    return form_repeats(form) && form->size ? room / form->size : 1;
}

bool typing_map_count(const struct typing *typing, struct object object, uint64_t *count_ret,
                      uint64_t *seed_ret)
{
    const struct objects *objects = &typing->heap->objects;
    const struct form_layouts *layouts = &typing->forms.layouts;
    uint32_t form = typing_known_form(typing, object_number(objects, object));
    address at = object_address(objects, object) + typing_payload(&objects->spans[object.span]);
    uint64_t count = 0, seed = 0;
    if (form_at(&typing->forms, form)->kind != FORM_MAP || layouts->map_count == UINT32_MAX ||
        layouts->map_seed == UINT32_MAX ||
        error_ignore(target_u64(typing->heap->target, at + layouts->map_count, &count)) ||
        error_ignore(target_u64(typing->heap->target, at + layouts->map_seed, &seed)))
        return false;
    *count_ret = count;
    *seed_ret = layouts->swiss ? seed : seed & UINT32_MAX;
    return true;
}

bool typing_field(struct typing *typing, struct object object, uint64_t offset, struct text *field)
{
    unsigned payload = typing_payload(&typing->heap->objects.spans[object.span]);
    uint32_t form = typing_known_form(typing, object_number(&typing->heap->objects, object));
    return form && offset >= payload && form_field(&typing->forms, form, offset - payload, field);
}

void typing_facts(const struct typing *typing, const uint64_t *reached,
                  struct typing_facts *facts_ret)
{
    const struct objects *objects = &typing->heap->objects;
    *facts_ret =
        (struct typing_facts){.contradictions = typing->contradictions, .misfits = typing->misfits};
    for (uint32_t i = 0; i < objects->span_count; i++) {
        const struct object_span *span = &objects->spans[i];
        uint64_t size = object_size(objects, (struct object){.span = i});
        for (uint32_t number = span->first; number < span->first + span->count; number++) {
            if (reached && !(reached[number / 64] >> number % 64 & 1))
                continue;
            facts_ret->by_way[typing_known_way(typing, number)]++;
            facts_ret->bytes_by_way[typing_known_way(typing, number)] += size;
        }
    }
    for (unsigned way = TYPED_NOT + 1; way < TYPED_WAYS; way++) {
        facts_ret->objects += facts_ret->by_way[way];
        facts_ret->bytes += facts_ret->bytes_by_way[way];
    }
}

const char *typing_way_name(enum typing_way way)
{
    static const char *const names[TYPED_WAYS] = {
        [TYPED_NOT] = "untyped",     [TYPED_WITHIN] = "within",       [TYPED_PAIR] = "pair",
        [TYPED_PARENT] = "parent",   [TYPED_CODE] = "code",           [TYPED_VARIABLE] = "variable",
        [TYPED_RUNTIME] = "runtime", [TYPED_INTERFACE] = "interface", [TYPED_HEADER] = "header",
    };
    return way < TYPED_WAYS ? names[way] : "?";
}

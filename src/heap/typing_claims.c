/* A claim is judged by the object that it leads to. Go puts a value into the smallest size class that holds it (runtime/malloc.go), in a span for values with
 * or without pointers, and says which words are pointers: a claim that does not agree is dropped, and one about a part of the object, such as
 * a pointer to a struct's first field, is worth less than one about the whole of it.
 *
 * Looking up an object waits for memory, so claims are judged many at a time: what the next step needs of all of them is asked for first. */
#include <string.h>

#include "heap/typing_internal.h"

enum {
    TINY_BYTES = 16,       /* maxTinySize: values below it without pointers share a block */
    MASK_WORDS_MAX = 1024, /* of an object's pointer map are compared */
};

struct place {
    struct object object;
    const struct object_span *span;
    uint32_t number;
    uint64_t offset; /* of the pointer, from the first value */
    uint64_t size;   /* of the slot */
    uint64_t room;   /* from the first value to the slot's end */
    bool noscan;
};

/* ---- the object's own account */

/* `count` pointer bits of a span from the first-th word on; count <= 64. */
static uint64_t span_bits(const struct object_span *span, uint64_t first, unsigned count)
{
    uint64_t low = span->bits[first / 64] >> first % 64;
    if (first % 64 + count > 64)
        low |= span->bits[first / 64 + 1] << (64 - first % 64);
    return count < 64 ? low & ((UINT64_C(1) << count) - 1) : low;
}

static uint64_t mask_bits(const struct type_mask *mask, uint64_t first, unsigned count)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < count && first + i < mask->used; i++)
        bits |= (mask->bits[(first + i) / 64] >> (first + i) % 64 & 1) << i;
    return bits;
}

/* Whether a value's map is that of the words from the first-th on; only `words` of it. */
static bool value_agrees(const struct object_span *span, uint64_t first,
                         const struct type_mask *mask, uint64_t words)
{
    for (uint64_t done = 0; done < words; done += 64) {
        unsigned count = words - done < 64 ? (unsigned)(words - done) : 64;
        uint64_t wanted = mask->used > done && done == 0 && mask->used <= 64
                              ? mask->bits[0]
                              : mask_bits(mask, done, count);
        if (span_bits(span, first + done, count) != wanted)
            return false;
    }
    return true;
}

/* The form's own account of its pointers, looked up once. */
static enum form_bits form_bits(struct typing *typing, uint32_t index)
{
    struct form *form = &typing->forms.list.at[index];
    if (form->bits_state)
        return (enum form_bits)form->bits_state;
    const struct type_mask *mask =
        form->map_type ? type_mask_of(&typing->heap->masks, form->map_type) : NULL;
    if (!mask || !mask->known || !mask->words || form->size % 8)
        form->bits_state = FORM_BITS_UNKNOWN;
    else
        form->bits_state = mask->words <= 64 ? FORM_BITS_SMALL : FORM_BITS_LARGE;
    if (form->bits_state == FORM_BITS_SMALL)
        form->bits = mask_bits(mask, 0, (unsigned)mask->words);
    return (enum form_bits)form->bits_state;
}

static bool large_agree(struct typing *typing, const struct place *place, const struct form *form,
                        uint64_t first, uint64_t words)
{
    const struct type_mask mask = *type_mask_of(&typing->heap->masks, form->map_type);
    for (uint64_t done = 0; done + mask.words <= words; done += mask.words) {
        if (!value_agrees(place->span, first + done, &mask, mask.words))
            return false;
    }
    return true;
}

/* Whether the words of [from, from + extent) of the slot are pointers where the form has them; true if one of both is not known. */
static bool bits_agree(struct typing *typing, const struct place *place, uint32_t index,
                       uint64_t from, uint64_t extent)
{
    enum form_bits known = form_bits(typing, index);
    const struct form *form = form_at(&typing->forms, index);
    if (place->span->format != POINTERS_BITS || known == FORM_BITS_UNKNOWN ||
        !heap_contents(typing->heap, place->object.span) || place->span->format != POINTERS_BITS)
        return true;
    uint64_t first = place->object.index * (place->size / 8) + from / 8;
    uint64_t words = extent / 8 < MASK_WORDS_MAX ? extent / 8 : MASK_WORDS_MAX;
    unsigned each = (unsigned)(form->size / 8);
    if (known == FORM_BITS_LARGE)
        return large_agree(typing, place, form, first, words);
    for (uint64_t done = 0; done + each <= words; done += each) {
        if (span_bits(place->span, first + done, each) != form->bits)
            return false;
    }
    return true;
}

/* Would a value of so many bytes have come into this size class? */
static bool fills(const struct typing *typing, const struct place *place, uint64_t bytes)
{
    return bytes + typing_payload(place->span) > typing->fits[place->object.span];
}

/* ---- keeping the better one */

static bool is_bytes(const struct typing *typing, uint32_t form)
{
    const struct form *known = form_at(&typing->forms, form);
    return !known->pointer_bytes && known->size <= 1;
}

static bool is_same(struct typing *typing, uint32_t a, uint32_t b)
{
    return (is_bytes(typing, a) && is_bytes(typing, b)) || form_begins(&typing->forms, a, b) ||
           form_begins(&typing->forms, b, a);
}

/* The runtime's things have types that say little: of a part of a map the buckets' own type, of a channel nothing of its element. */
static bool is_special(const struct form *form)
{
    return form->kind != FORM_VALUE && form->kind != FORM_ARRAY;
}

/* A map's directory, where one over 512 bytes says that it is an array of pointers to tables, of whatever map. */
static bool is_directory(const struct forms *forms, const struct form *directory,
                         const struct form *array)
{
    struct type_info info;
    return directory->kind == FORM_DIRECTORY && array->kind == FORM_ARRAY &&
           type_info_read(forms->types, array->type, &info) && info.kind == KIND_POINTER &&
           info.element == forms->layouts.swiss_table;
}

static bool same_type(const struct forms *forms, const struct form *a, const struct form *b)
{
    return (a->map_type && a->map_type == b->map_type) || is_directory(forms, a, b) ||
           is_directory(forms, b, a);
}

/* Of two forms that are told equally well: several values where there is room for them, else the larger one. */
static bool is_better(struct typing *typing, const struct place *place, uint32_t new, uint32_t old)
{
    const struct form *a = form_at(&typing->forms, new), *b = form_at(&typing->forms, old);
    if (same_type(&typing->forms, a, b) && form_repeats(a) != form_repeats(b))
        return form_repeats(a) == (a->size * 2 <= place->room);
    return a->size > b->size && form_begins(&typing->forms, new, old);
}

static void queue_object(struct typing *typing, const struct place *place)
{
    uint32_t span = place->object.span;
    typing->pending[place->number / 64] |= UINT64_C(1) << place->number % 64;
    if (typing->queued[span])
        return;
    size_t at = typing->queue_first + typing->queue_length++;
    size_t count = typing->heap->objects.span_count;
    typing->queue[at < count ? at : at - count] = span;
    typing->queued[span] = true;
}

static void keep(struct typing *typing, const struct place *place, uint32_t form,
                 enum typing_way way)
{
    typing->typed += !typing_known_form(typing, place->number);
    typing->known[place->number] = form | (uint32_t)way << TYPING_WAY_SHIFT;
    if (!place->noscan)
        queue_object(typing, place);
}

static void settle(struct typing *typing, const struct place *place, uint32_t form,
                   enum typing_way way)
{
    uint32_t known = typing_known_form(typing, place->number);
    enum typing_way known_way = typing_known_way(typing, place->number);
    if (!known) {
        keep(typing, place, form, way);
        return;
    }
    if (known == form) {
        if (way > known_way)
            typing->known[place->number] = form | (uint32_t)way << TYPING_WAY_SHIFT;
        return;
    }
    const struct form *a = form_at(&typing->forms, form), *b = form_at(&typing->forms, known);
    if (same_type(&typing->forms, a, b) && is_special(a) != is_special(b)) {
        if (is_special(a))
            keep(typing, place, form, way > known_way ? way : known_way);
        return;
    }
    if (form_is_closure(&typing->forms, known, form)) {
        keep(typing, place, form, way > known_way ? way : known_way);
        return;
    }
    if (form_is_closure(&typing->forms, form, known))
        return;
    if (way > known_way || (way == known_way && is_better(typing, place, form, known)))
        keep(typing, place, form, way);
    if (way >= TYPED_PARENT && known_way >= TYPED_PARENT && !is_same(typing, form, known))
        typing->contradictions++;
}

/* ---- judging */

static bool read_word(struct typing *typing, const struct place *place, uint64_t offset,
                      uint64_t *word_ret)
{
    address at = object_address(&typing->heap->objects, place->object) +
                 typing_payload(place->span) + offset;
    struct error *error = target_u64(typing->heap->target, at, word_ret);
    return offset + 8 <= place->room && !error_ignore(error);
}

static uint32_t closure_at(struct typing *typing, const struct place *place)
{
    uint64_t word = 0;
    return place->offset == 0 && read_word(typing, place, 0, &word)
               ? form_of_closure(&typing->forms, word)
               : 0;
}

static uint32_t channel_at(struct typing *typing, const struct place *place)
{
    uint64_t element = 0;
    int32_t at = typing->heap->runtime->offsets.hchan_element_type;
    return place->offset == 0 && read_word(typing, place, (uint64_t)at, &element)
               ? form_of(&typing->forms, FORM_CHANNEL, element)
               : 0;
}

/* The scheduler points into the middle of what a program's time.Timer is the beginning of. Which of both kinds it is is not told there. */
static uint32_t timer_at(struct typing *typing, struct place *place, const struct form *known)
{
    struct forms *forms = &typing->forms;
    const struct form_layouts *layouts = &forms->layouts;
    if (known->of && !place->offset)
        return known->of;
    if (!layouts->time_timer || known->type != layouts->timer ||
        place->offset != layouts->inner_timer)
        return 0;
    place->offset = 0;
    return form_of(forms, FORM_TIMER, layouts->time_timer);
}

/* A function value leads to its closure, a channel of any kind to what tells its kind, a timer to all of it. */
static uint32_t tell(struct typing *typing, struct place *place, uint32_t form)
{
    uint32_t whole = 0;
    if (!form)
        return closure_at(typing, place);
    const struct form known = *form_at(&typing->forms, form);
    if (known.kind != FORM_VALUE)
        return form;
    if (known.type == typing->forms.layouts.hchan)
        whole = channel_at(typing, place);
    else if (known.of || known.type == typing->forms.layouts.timer)
        whole = timer_at(typing, place, &known);
    return whole ? whole : form;
}

static void judge_bytes(struct typing *typing, const struct place *place, const struct claim *claim)
{
    if (!place->noscan)
        return;
    bool whole = place->offset == 0 && fills(typing, place, claim->extent);
    settle(typing, place, claim->form, whole ? claim->way : TYPED_WITHIN);
}

/* Those whose number is told, or does not matter, begin where the object does. */
static bool is_sure(const struct form *form)
{
    return form->kind != FORM_ARRAY && form->kind != FORM_VALUE;
}

static void judge_several(struct typing *typing, const struct place *place,
                          const struct claim *claim, const struct form *form)
{
    if (!form->size || place->offset % form->size)
        return;
    bool whole = is_sure(form) || (!place->offset && fills(typing, place, claim->extent));
    uint64_t from = typing_payload(place->span) + (whole ? place->offset : 0);
    uint64_t extent = whole ? claim->extent : place->room / form->size * form->size;
    if (!bits_agree(typing, place, claim->form, from, extent)) {
        typing->misfits += whole;
        return;
    }
    settle(typing, place, claim->form, whole ? claim->way : TYPED_WITHIN);
}

/* A pointer to one value, which is the whole object, its beginning, or the first of several. */
static void judge_one(struct typing *typing, const struct place *place, const struct claim *claim,
                      const struct form *form)
{
    uint32_t kept = claim->form;
    enum typing_way way = claim->way;
    uint64_t extent = form->size;
    if (place->offset)
        return;
    if (!is_sure(form) && !fills(typing, place, form->size)) {
        kept = form->kind == FORM_VALUE && form->size * 2 <= place->room
                   ? form_of(&typing->forms, FORM_ARRAY, form->type)
                   : 0;
        extent = form->size ? place->room / form->size * form->size : 0;
        way = TYPED_WITHIN;
        if (!kept || place->noscan)
            return;
    }
    bool agrees = bits_agree(typing, place, claim->form, typing_payload(place->span), extent);
    if (form->kind == FORM_CLOSURE && (!agrees || form->size > place->room)) {
        form_drop_captures(&typing->forms, kept);
        agrees = true;
    }
    if (agrees)
        settle(typing, place, kept, way);
    else
        typing->misfits += way != TYPED_WITHIN;
}

static void judge(struct typing *typing, const struct claim *asked, struct object object)
{
    const struct objects *objects = &typing->heap->objects;
    const struct object_span *span = &objects->spans[object.span];
    uint64_t size = object_size(objects, object), start = object_address(objects, object);
    unsigned payload = typing_payload(span);
    struct place place = {.object = object,
                          .span = span,
                          .number = object_number(objects, object),
                          .offset = asked->word - start - payload,
                          .size = size,
                          .room = size - payload,
                          .noscan = typing_is_noscan(typing, object.span)};
    struct claim claim = *asked;
    if (asked->word < start + payload ||
        (asked->form && typing_known_form(typing, place.number) == asked->form &&
         asked->way <= typing_known_way(typing, place.number)))
        return;
    claim.form = tell(typing, &place, asked->form);
    if (!claim.form)
        return;
    const struct form form = *form_at(&typing->forms, claim.form); /* the array may move */
    if (form.kind == FORM_TIMER)
        claim.extent = form.size;
    if (claim.extent > place.room || place.offset > place.room - claim.extent ||
        (form.pointer_bytes && place.noscan && form.kind != FORM_CHANNEL &&
         form.kind != FORM_CLOSURE)) {
        typing->misfits++;
        return;
    }
    if (place.noscan && size == TINY_BYTES && claim.extent < TINY_BYTES &&
        form.kind != FORM_CLOSURE)
        settle(typing, &place, typing->tiny, claim.way);
    else if (form.kind == FORM_STRING)
        judge_bytes(typing, &place, &claim);
    else if (form_repeats(&form))
        judge_several(typing, &place, &claim, &form);
    else
        judge_one(typing, &place, &claim, &form);
}

void typing_judge(struct typing *typing)
{
    const struct objects *objects = &typing->heap->objects;
    struct claim claims[CLAIMS_AT_A_TIME];
    const uint32_t *pages[CLAIMS_AT_A_TIME];
    struct object found[CLAIMS_AT_A_TIME];
    size_t count = 0, left = 0;
    for (size_t i = 0; i < typing->claim_count; i++) {
        claims[count] = typing->claims[i];
        pages[count] = objects_page(objects, claims[count].word);
        if (pages[count])
            __builtin_prefetch(pages[count++]);
    }
    typing->claim_count = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t span = *pages[i];
        claims[left] = claims[i];
        found[left].span = span - 1;
        if (span)
            __builtin_prefetch(&objects->spans[found[left++].span]);
    }
    for (size_t i = 0; i < left; i++) {
        const struct object_span *span = &objects->spans[found[i].span];
        found[i].index = (uint32_t)objects_index(span, claims[i].word);
        if (found[i].index >= span->count)
            continue;
        uint32_t number = span->first + found[i].index;
        __builtin_prefetch(&typing->known[number]);
        __builtin_prefetch(&typing->pending[number / 64]);
        if (span->bits)
            __builtin_prefetch((const uint8_t *)span->bits +
                               (uint64_t)found[i].index * span->size / 64);
    }
    for (size_t i = 0; i < left; i++) {
        if (found[i].index < objects->spans[found[i].span].count)
            judge(typing, &claims[i], found[i]);
    }
}

void typing_claim(struct typing *typing, uint64_t word, uint32_t form, uint64_t extent,
                  enum typing_way way)
{
    if (!word)
        return;
    if (typing_is_data(typing, word)) {
        typing_claim_static(typing, word, form, extent, way);
        return;
    }
    if (typing->claim_count == CLAIMS_AT_A_TIME)
        typing_judge(typing);
    typing->claims[typing->claim_count++] =
        (struct claim){.word = word, .form = form, .extent = extent, .way = (uint8_t)way};
}

#include "runtime/references.h"

#include <string.h>

#include "base/cursor.h"
#include "runtime/spans.h"
#include "runtime/unwind.h"

enum {
    FUNCDATA_ARGS_POINTER_MAPS = 0,
    FUNCDATA_LOCALS_POINTER_MAPS = 1,
    OBJECT_BYTES_MAX = 64 << 10,
    STACK_OBJECT_BYTES = 256,
    VARIABLE_BYTES = 128,
    FRAME_WORDS_MAX = 1 << 14,
    STACK_BYTES_MAX = 1 << 20,
};

struct search {
    struct runtime *runtime;
    const struct observation *observation;
    const struct u64map *wanted;
    struct references *found;
    struct spans spans;
    struct u64map
        looked; /* object and steps left -> first goroutine for which it is to be looked at again; 0: none */
    unsigned steps;
    uint32_t goroutine;
    const struct goroutine *current;
};

static void add(struct search *search, uint32_t object, address pc, address entry, bool direct)
{
    if (search->found->length >= REFERENCES_MAX)
        return;
    VECTOR_PUSH(search->found, (struct reference){.goroutine = search->goroutine,
                                                  .object = object,
                                                  .frame_pc = pc,
                                                  .frame_entry = entry,
                                                  .direct = direct});
}

static bool is_data(const struct runtime *runtime, address at)
{
    const struct moduledata *module = &runtime->program->module;
    return at >= module->noptrdata && at < module->noptrbss_end;
}

/* Bounds of what a pointer points to, of size 0 if nothing in it leads on: a heap object by its span, or a little of the goroutine's own stack or of the program's variables. */
static bool bounds_of(const struct search *search, address pointer, address *base_ret,
                      size_t *size_ret)
{
    const struct goroutine *goroutine = search->current;
    if (pointer >= goroutine->stack_low && pointer < goroutine->stack_high) {
        uint64_t left = goroutine->stack_high - pointer;
        *base_ret = pointer;
        *size_ret = left < STACK_OBJECT_BYTES ? left : STACK_OBJECT_BYTES;
        return true;
    }
    if (is_data(search->runtime, pointer)) {
        uint64_t left = search->runtime->program->module.noptrbss_end - pointer;
        *base_ret = pointer;
        *size_ret = left < VARIABLE_BYTES ? left : VARIABLE_BYTES;
        return true;
    }
    const struct span *span = spans_at(&search->spans, pointer);
    if (!span || span->state != SPAN_IN_USE || span->element_size < 8)
        return false;
    bool leads_on = !(span->class & 1);
    address base = span->start + (pointer - span->start) / span->element_size * span->element_size;
    address end = span->start + span->pages * SPAN_PAGE_BYTES;
    uint64_t size = end - base < span->element_size ? end - base : span->element_size;
    *base_ret = base;
    size = size < OBJECT_BYTES_MAX ? size : OBJECT_BYTES_MAX;
    *size_ret = leads_on ? size : 0; /* what it holds are no pointers */
    return true;
}

/* All of what is asked for that stands in the object that a pointer leads to, and `steps` - 1 objects further. An object is looked at once a
 * goroutine and depth; one that holds nothing is not looked at again. */
static void look_behind(struct search *search, address pointer, unsigned steps, address pc,
                        address entry)
{
    address base = 0;
    size_t size = 0;
    uint32_t known = 0;
    if (!bounds_of(search, pointer, &base, &size))
        return;
    if (u64map_get(search->wanted, base, &known))
        add(search, known, pc, entry, false);
    uint64_t key = u64_mix(base) + steps;
    if ((u64map_get(&search->looked, key, &known) && (!known || known > search->goroutine)) ||
        search->looked.length >= REFERENCE_OBJECTS_MAX)
        return;
    u64map_set(&search->looked, key, 0);
    if (!size)
        return;
    AUTO_FREE uint8_t *object = xmalloc(size);
    struct error *error = target_read_cached(search->runtime->target, base, object, size);
    if (error_ignore(error))
        return;
    bool any = false;
    for (size_t i = 0; i + 8 <= size; i += 8) {
        uint64_t word = load_u64(object + i);
        uint32_t found = 0;
        if (word % 8 || !is_user_address(word))
            continue;
        if (u64map_get(search->wanted, word, &found)) {
            add(search, found, pc, entry, false);
            any = true;
        } else if (steps > 1) {
            size_t before = search->found->length;
            look_behind(search, word, steps - 1, pc, entry);
            any = any || search->found->length > before;
        }
    }
    if (any) /* another goroutine that leads here counts too */
        u64map_set(&search->looked, key, search->goroutine + 1);
}

static void look_at_slot(struct search *search, uint64_t word, address pc, address entry)
{
    uint32_t object = 0;
    if (word % 8 || !is_user_address(word))
        return;
    if (u64map_get(search->wanted, word, &object))
        add(search, object, pc, entry, true);
    else
        look_behind(search, word, search->steps, pc, entry);
}

/* The bit map of live pointer slots that a function has for a pc; words_ret: slots it covers. NULL: no map. */
static const uint8_t *live_map(const struct pclntab *table, const struct func *func, unsigned which,
                               address pc, uint32_t *words_ret)
{
    struct bytes blob = func_funcdata_bytes(table, func, which);
    uint32_t maps = 0, bits = 0;
    int32_t index = func_pcdata(table, func, PCDATA_STACK_MAP_INDEX, pc);
    if (!bytes_u32(blob.at, blob.size, 0, &maps) || !bytes_u32(blob.at, blob.size, 4, &bits))
        return NULL;
    index = index < 0 ? 0 : index;
    uint64_t each = ((uint64_t)bits + 7) / 8;
    if ((uint32_t)index >= maps || bits > FRAME_WORDS_MAX ||
        8 + ((uint64_t)index + 1) * each > blob.size)
        return NULL;
    *words_ret = bits;
    return blob.at + 8 + index * each;
}

static void look_at_map(struct search *search, const uint8_t *map, uint32_t words, address start,
                        const struct stack_piece *stack, address pc, address entry)
{
    for (uint32_t i = 0; i < words; i++) {
        uint64_t word = 0;
        address at = start + i * UINT64_C(8);
        if (!(map[i / 8] >> (i % 8) & 1) || at < stack->start)
            continue;
        if (bytes_u64(stack->bytes, stack->size, at - stack->start, &word))
            look_at_slot(search, word, pc, entry);
    }
}

struct frame_bounds {
    address pc, sp, fp;
};

static void look_at_frame(struct search *search, const struct frame_bounds *frame,
                          const struct stack_piece *stack)
{
    const struct pclntab *table = &search->runtime->program->pclntab;
    bool amd64 = search->runtime->program->arch == ARCH_AMD64;
    struct func func;
    uint32_t words = 0;
    if (!pclntab_func(table, frame->pc, &func) || !strncmp(func_name(table, &func), "runtime.", 8))
        return;
    address lookup = frame->pc > func.entry ? frame->pc - 1 : frame->pc;
    address varp = amd64 ? frame->fp - 8 : frame->fp;
    varp -= varp > frame->sp ? 8 : 0;
    const uint8_t *map = live_map(table, &func, FUNCDATA_LOCALS_POINTER_MAPS, lookup, &words);
    if (map)
        look_at_map(search, map, words, varp - words * UINT64_C(8), stack, frame->pc, func.entry);
    map = live_map(table, &func, FUNCDATA_ARGS_POINTER_MAPS, lookup, &words);
    if (map)
        look_at_map(search, map, words, amd64 ? frame->fp : frame->fp + 8, stack, frame->pc,
                    func.entry);
}

/* The frames of one goroutine again, from the copy of its stack, as far as its kept stack goes. */
static void look_at_frames(struct search *search, const struct stack *stack,
                           const struct stack_piece *piece)
{
    bool amd64 = search->runtime->program->arch == ARCH_AMD64;
    address sp = search->current->sp;
    uint32_t frames = stack->kept < stack->depth ? STACK_INNER_MAX : stack->kept;
    for (uint32_t i = 0; i < frames; i++) {
        address pc = stack_pc(search->observation->stacks, stack, i);
        const struct pc_facts *facts = pc_facts_of(search->runtime, pc);
        if (!facts->known)
            return;
        struct frame_bounds frame = {.pc = pc, .sp = sp};
        frame.fp = sp + (uint64_t)facts->sp_delta + (amd64 ? 8 : 0);
        bool injected = facts->injected;
        look_at_frame(search, &frame, piece);
        sp = frame.fp + (injected && !amd64 ? 16 : 0);
    }
}

static void look_at_goroutine(struct search *search, uint32_t index)
{
    const struct goroutine *goroutine = &search->observation->goroutines.at[index];
    search->goroutine = index;
    search->current = goroutine;
    if (goroutine->stack == STACK_NONE || !goroutine->sp)
        return;
    uint64_t size = goroutine->stack_high - goroutine->sp;
    size = size < STACK_BYTES_MAX ? size : STACK_BYTES_MAX;
    AUTO_FREE uint8_t *bytes = xmalloc(size);
    struct error *error = target_read(search->runtime->target, goroutine->sp, bytes, size);
    if (error_ignore(error))
        return;
    struct stack_piece piece = {.start = goroutine->sp, .size = size, .bytes = bytes};
    look_at_frames(search, &search->observation->stacks->stacks.at[goroutine->stack], &piece);
}

struct error *references_find(struct runtime *runtime, const struct observation *observation,
                              const struct u64map *wanted, const uint8_t *skip, unsigned steps,
                              struct references *references_ret)
{
    struct search search = {.runtime = runtime,
                            .observation = observation,
                            .wanted = wanted,
                            .found = references_ret,
                            .steps = steps};
    *references_ret = (struct references){0};
    if (runtime->globals.allspans)
        TRY(spans_read(runtime->target, &runtime->offsets, runtime->globals.allspans,
                       &search.spans));
    for (uint32_t i = 0; i < observation->goroutines.length; i++) {
        if (!skip[i] && !observation->goroutines.at[i].system)
            look_at_goroutine(&search, i);
    }
    u64map_deinit(&search.looked);
    spans_deinit(&search.spans);
    return NULL;
}

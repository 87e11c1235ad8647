#include "heap/stack_roots.h"

#include <string.h>

#include "base/cycle.h"

enum {
    STACK_BYTES_MAX = 1 << 30, /* Go's own maximum */
    DEFERS_MAX = 1 << 28,
    CHUNK = 1 << 20,
    WIDE_REGISTERS_MAX = 4096,
    STUB_WORDS_MAX = 1 << 16,
    MINOR_WIDE_REGISTERS = 27,
};

void stack_scanner_open(struct marker *marker, struct stack_scanner *scanner_ret)
{
    *scanner_ret = (struct stack_scanner){.marker = marker};
    scanner_ret->maps.runtime = marker->heap->runtime;
}

void stack_scanner_close(struct stack_scanner *scanner)
{
    frame_maps_close(&scanner->maps);
    VECTOR_DEINIT(&scanner->variables);
    VECTOR_DEINIT(&scanner->inner);
    free(scanner->bytes);
}

static bool read_stack(struct stack_scanner *scanner, address from, address to)
{
    scanner->start = from & ~UINT64_C(7);
    uint64_t size = to - scanner->start;
    if (from > to || size > STACK_BYTES_MAX)
        return false;
    if (size > scanner->room) {
        free(scanner->bytes);
        scanner->bytes = xmalloc(size);
        scanner->room = size;
    }
    struct error *error =
        target_read(scanner->marker->heap->target, scanner->start, scanner->bytes, size);
    return !error_ignore(error);
}

static bool is_inner(const struct stack_scanner *scanner, uint64_t word)
{
    return word >= scanner->low && word < scanner->high;
}

static void take(struct stack_scanner *scanner, uint64_t word)
{
    if (is_inner(scanner, word))
        VECTOR_PUSH(&scanner->inner, word);
    else if (scanner->own && scanner->moving)
        marker_reach_perhaps(scanner->marker, word);
    else
        marker_reach(scanner->marker, word);
}

static void take_perhaps(struct stack_scanner *scanner, uint64_t word)
{
    if (is_inner(scanner, word))
        VECTOR_PUSH(&scanner->inner, word);
    else if (scanner->own)
        marker_reach_perhaps(scanner->marker, word);
    else
        marker_reach_guess(scanner->marker, word);
}

static bool slot(const struct stack_scanner *scanner, address at, uint64_t *word_ret)
{
    if (at < scanner->start || at + 8 > scanner->high)
        return false;
    *word_ret = load_u64(scanner->bytes + (at - scanner->start));
    return true;
}

static void take_range(struct stack_scanner *scanner, address from, address to)
{
    uint64_t word = 0;
    for (address at = (from + 7) & ~UINT64_C(7); at + 8 <= to && slot(scanner, at, &word); at += 8)
        take_perhaps(scanner, word);
}

static void show_pointer(struct stack_scanner *scanner, address at, uint64_t word)
{
    uint64_t before = 0;
    if (slot(scanner, at - 8, &before))
        scanner->watcher->pointer(scanner->watcher->context, before, word);
}

static void take_map(struct stack_scanner *scanner, const struct slot_map *map, address start)
{
    uint64_t word = 0;
    for (uint32_t i = 0; i < map->words; i++) {
        address at = start + i * UINT64_C(8);
        if (!(map->bits[i / 8] >> i % 8 & 1) || !slot(scanner, at, &word))
            continue;
        take(scanner, word);
        if (scanner->watcher)
            show_pointer(scanner, at, word);
    }
}

static void show_argument(struct stack_scanner *scanner, const struct frame *frame,
                          const struct slot_map *arguments, address at)
{
    uint64_t word = 0;
    if (arguments->words && arguments->bits[0] & 1 && slot(scanner, at, &word))
        scanner->watcher->argument(scanner->watcher->context, frame->facts->entry, word);
}

static void note_variables(struct stack_scanner *scanner, const struct frame *frame,
                           const struct frame_map *map)
{
    const struct runtime *runtime = scanner->maps.runtime;
    for (uint32_t i = 0; i < map->object_count; i++) {
        struct stack_object object = frame_map_object(&scanner->maps, map, i);
        address base =
            object.offset < 0 ? frame_locals_end(runtime, frame) : frame_arguments(runtime, frame);
        address start = base + (uint64_t)object.offset;
        if (start >= scanner->start && start + object.size <= scanner->high)
            VECTOR_PUSH(&scanner->variables,
                        (struct stack_variable){.start = start, .object = object});
    }
}

/* A stub that reflect made: in its frame, from the lowest word on, stand the context of the call, which has a bit map of the arguments
 * on the stack, and, four words on, whether there are results yet; at its end, the registers (runtime/stkframe.go, argMapInternal; internal/abi,
 * RegArgs: integers, floats, pointers). False if that is not what stands there. */
static bool take_stub(struct stack_scanner *scanner, const struct frame *frame)
{
    const struct runtime *runtime = scanner->maps.runtime;
    struct target *target = scanner->marker->heap->target;
    bool amd64 = runtime->program->arch == ARCH_AMD64;
    uint32_t integers = amd64 ? 9 : 16, floats = amd64 ? 15 : 16;
    uint32_t registers = (integers * 2 + floats) * 8 + 8;
    address first = amd64 ? frame->sp : frame->sp + 8;
    address locals_end = frame_locals_end(runtime, frame);
    uint64_t context[3], bitmap[2], at = 0, valid = 0;
    if (!slot(scanner, first, &at) || !slot(scanner, first + 32, &valid) ||
        locals_end < first + registers)
        return false;
    struct error *error = target_read_cached(target, at, context, sizeof(context));
    if (!error)
        error = target_read_cached(target, context[1], bitmap, sizeof(bitmap));
    if (error_ignore(error) || context[0] != frame->facts->entry)
        return false;
    uint32_t words = (uint32_t)bitmap[0];
    if (!(valid & 0xff) && context[2] / 8 < words)
        words = (uint32_t)(context[2] / 8);
    if (words > STUB_WORDS_MAX)
        return false;
    AUTO_FREE uint8_t *bits = xcalloc(words / 8 + 1, 1);
    error = words ? target_read_cached(target, bitmap[1], bits, (words + 7) / 8) : NULL;
    if (error_ignore(error))
        return false;
    const struct slot_map map = {.bits = bits, .words = words};
    take_map(scanner, &map, frame_arguments(runtime, frame));
    const struct stack_object object = {.size = registers,
                                        .pointers_from = (integers + floats) * 8,
                                        .pointer_bytes = (integers * 2 + floats) * 8};
    VECTOR_PUSH(&scanner->variables,
                (struct stack_variable){.start = locals_end - registers, .object = object});
    return true;
}

/* No map holds where a frame was interrupted, nor in the frame that the interruption put in; of a running goroutine also not in the runtime's own frames and
 * assembly, nor where these were called: the collector never stops in some of them, so that the call has no map (wbMove, typedmemmove up to 1.20; hasStackMap
 * in cmd/compile/internal/liveness). */
static bool is_placeless(struct stack_scanner *scanner, const struct frame *frame,
                         const struct frame_map *map)
{
    bool called_runtime = scanner->called_runtime;
    scanner->called_runtime = !map->plain;
    return frame->interrupted || (frame->facts->injected && !frame->facts->faults) ||
           (scanner->running && (!map->plain || called_runtime));
}

/* Of a frame that has no map for where it is, all words count, arguments too. A frame that faulted and defers nothing is dead. */
static void take_frame(struct stack_scanner *scanner, const struct frame *frame)
{
    const struct runtime *runtime = scanner->maps.runtime;
    address locals_end = frame_locals_end(runtime, frame);
    address arguments = frame_arguments(runtime, frame);
    if (frame->faulted && !frame->facts->deferreturn)
        return;
    struct frame_map map = *frame_map_of(&scanner->maps, frame);
    bool placeless = is_placeless(scanner, frame, &map);
    scanner->own = !map.plain;
    bool guess = !map.known || placeless;
    if (map.stub && !placeless && take_stub(scanner, frame))
        return;
    if (guess)
        take_range(scanner, frame->sp, locals_end);
    else
        take_map(scanner, &map.locals, locals_end - map.locals.words * UINT64_C(8));
    take_map(scanner, &map.arguments, arguments);
    if (scanner->watcher)
        show_argument(scanner, frame, &map.arguments, arguments);
    take_range(scanner, arguments,
               arguments + (placeless ? map.argument_words : map.guessed_arguments) * UINT64_C(8));
    note_variables(scanner, frame, &map);
}

static int by_start(const void *left, const void *right)
{
    address a = ((const struct stack_variable *)left)->start;
    address b = ((const struct stack_variable *)right)->start;
    return a < b ? -1 : a > b;
}

static struct stack_variable *variable_at(struct stack_scanner *scanner, address at)
{
    size_t low = 0, high = scanner->variables.length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct stack_variable *variable = &scanner->variables.at[middle];
        if (at < variable->start)
            high = middle;
        else if (at >= variable->start + variable->object.size)
            low = middle + 1;
        else
            return variable;
    }
    return NULL;
}

static void take_variable(struct stack_scanner *scanner, struct stack_variable *variable)
{
    const struct stack_object *object = &variable->object;
    uint32_t words = object->pointer_bytes / 8;
    AUTO_FREE uint8_t *bits = xcalloc(words / 8 + 1, 1);
    variable->live = true;
    if (object->pointers_from) {
        uint64_t word = 0;
        for (uint32_t at = object->pointers_from; at < object->pointer_bytes; at += 8) {
            if (slot(scanner, variable->start + at, &word))
                take(scanner, word);
        }
        return;
    }
    struct error *error =
        object->bits && words
            ? target_read_cached(scanner->marker->heap->target, object->bits, bits, (words + 7) / 8)
            : NULL;
    if (error_ignore(error) || !object->bits) {
        take_range(scanner, variable->start, variable->start + object->size);
        return;
    }
    struct slot_map map = {.bits = bits, .words = words};
    take_map(scanner, &map, variable->start);
}

/* Only variables that something points to are live. */
static void take_variables(struct stack_scanner *scanner)
{
    bool sorted = true;
    for (size_t i = 1; i < scanner->variables.length; i++)
        sorted = sorted && scanner->variables.at[i - 1].start <= scanner->variables.at[i].start;
    if (!sorted)
        qsort(scanner->variables.at, scanner->variables.length, sizeof(*scanner->variables.at),
              by_start);
    while (scanner->inner.length) {
        struct stack_variable *variable =
            variable_at(scanner, scanner->inner.at[--scanner->inner.length]);
        if (variable && !variable->live)
            take_variable(scanner, variable);
    }
}

/* Frame by frame as far as the walk goes, then word by word. */
static void take_frames(struct stack_scanner *scanner, const struct unwind_start *start)
{
    struct runtime *runtime = scanner->maps.runtime;
    struct stack_piece piece = {
        .start = scanner->start, .size = scanner->high - scanner->start, .bytes = scanner->bytes};
    struct frame_walk walk;
    struct frame frame = {.sp = start->sp, .fp = start->sp};
    frame_walk_begin(&walk, runtime, start, &piece);
    while (frame_walk_next(&walk, &frame)) {
        if (!walk.complete)
            take_frame(scanner, &frame);
    }
    scanner->own = true;
    if (!walk.complete)
        take_range(scanner, frame.fp, scanner->high);
    scanner->own = false;
}

/* A word of the target, from the stack that was read, the heap, or elsewhere. */
static bool word_at(const struct stack_scanner *scanner, address at, uint64_t *word_ret)
{
    if (slot(scanner, at, word_ret))
        return true;
    struct error *error = target_u64(scanner->marker->heap->target, at, word_ret);
    return !error_ignore(error);
}

/* The records of deferred calls weave between the stack and the heap, so each is a root of its own. */
static void take_defers(struct stack_scanner *scanner, const struct goroutine *goroutine)
{
    const struct offsets *offsets = &scanner->maps.runtime->offsets;
    uint64_t record = 0;
    struct cycle cycle = {0};
    if (!word_at(scanner, goroutine->at + (uint64_t)offsets->g_defer, &record))
        return;
    for (unsigned steps = 0; record && steps < DEFERS_MAX && !cycle_closes(&cycle, record);
         steps++) {
        uint64_t function = 0, next = 0;
        struct object object;
        take(scanner, record);
        bool in_heap = objects_at(&scanner->marker->heap->objects, record, &object);
        if (!in_heap && word_at(scanner, record + (uint64_t)offsets->defer_fn, &function))
            take(scanner, function);
        if (!word_at(scanner, record + (uint64_t)offsets->defer_link, &next))
            return;
        record = next;
    }
}

/* Registers that are not on the stack: of the closure that was about to be called, and, since 1.27 (runtime/preempt_xreg.go, xRegScan), the wide ones of a
 * goroutine that was interrupted. */
static void take_registers(struct stack_scanner *scanner, const struct goroutine *goroutine)
{
    const struct offsets *offsets = &scanner->maps.runtime->offsets;
    struct target *target = scanner->marker->heap->target;
    uint8_t bytes[WIDE_REGISTERS_MAX];
    uint64_t context = 0, wide = 0;
    if (offsets->g_context != ABSENT &&
        word_at(scanner, goroutine->at + (uint64_t)offsets->g_context, &context))
        take(scanner, context);
    if (scanner->maps.runtime->program->info.go_minor < MINOR_WIDE_REGISTERS ||
        offsets->wide_registers_size > sizeof(bytes) || !offsets->wide_registers_size ||
        !word_at(scanner, goroutine->at + (uint64_t)offsets->g_wide_registers, &wide) || !wide)
        return;
    struct error *error = target_read_cached(target, wide, bytes, offsets->wide_registers_size);
    if (error_ignore(error)) {
        scanner->unreadable++;
        return;
    }
    for (size_t i = 0; i + 8 <= offsets->wide_registers_size; i += 8)
        take_perhaps(scanner, load_u64(bytes + i));
}

/* The registers of the thread that runs it may lead to variables of its callers. False if they are not known, or not of this stack: then a call on the
 * system stack may lead there as well. */
static bool take_thread_registers(struct stack_scanner *scanner, const struct goroutine *goroutine)
{
    const struct offsets *offsets = &scanner->maps.runtime->offsets;
    uint64_t m = 0, tid = 0;
    struct thread_registers registers;
    if (offsets->m_procid == ABSENT ||
        !word_at(scanner, goroutine->at + (uint64_t)offsets->g_m, &m) || !m ||
        !word_at(scanner, m + (uint64_t)offsets->m_procid, &tid) ||
        !target_registers(scanner->marker->heap->target, (pid_t)tid, &registers) ||
        registers.sp != goroutine->sp)
        return false;
    for (unsigned i = 0; i < registers.general_count; i++) {
        if (is_inner(scanner, registers.general[i]))
            VECTOR_PUSH(&scanner->inner, registers.general[i]);
    }
    for (unsigned i = 0; i < VECTOR_WORDS; i++) {
        if (is_inner(scanner, registers.vector[i]))
            VECTOR_PUSH(&scanner->inner, registers.vector[i]);
    }
    return true;
}

/* Whether its callers' maps hold: not from assembly, which may have switched stacks, and not from code that is no Go. */
static bool is_walkable(struct stack_scanner *scanner, const struct unwind_start *start)
{
    const struct frame innermost = {.pc = start->pc,
                                    .sp = start->sp,
                                    .exact = true,
                                    .facts = pc_facts_of(scanner->maps.runtime, start->pc)};
    if (!innermost.facts->known)
        return false;
    const struct frame_map *map = frame_map_of(&scanner->maps, &innermost);
    return map->known && !map->assembly;
}

static void take_stack(struct stack_scanner *scanner, const struct goroutine *goroutine,
                       const struct stack_table *stacks)
{
    const struct stack *stack = &stacks->stacks.at[goroutine->stack];
    struct unwind_start start = {.pc = stack_pc(stacks, stack, 0),
                                 .sp = goroutine->sp,
                                 .low = goroutine->stack_low,
                                 .high = goroutine->stack_high,
                                 .interrupted = scanner->running};
    if (!scanner->running ||
        (is_walkable(scanner, &start) && take_thread_registers(scanner, goroutine))) {
        take_frames(scanner, &start);
        return;
    }
    scanner->own = true;
    take_range(scanner, scanner->start, scanner->high);
    scanner->own = false;
}

void stack_roots(struct stack_scanner *scanner, const struct goroutine *goroutine,
                 const struct stack_table *stacks)
{
    const struct offsets *offsets = &scanner->maps.runtime->offsets;
    uint64_t panic = 0;
    bool known = goroutine->stack != STACK_NONE && goroutine->sp;
    bool running = goroutine->state == GOROUTINE_RUNNING;
    bool on_stack =
        known && stacks->pcs.at[stacks->stacks.at[goroutine->stack].first] & STACK_PC_EXACT;
    address from = known && (!running || on_stack) ? goroutine->sp : goroutine->stack_low;
    scanner->variables.length = scanner->inner.length = 0;
    scanner->low = goroutine->stack_low;
    scanner->high = goroutine->stack_high;
    if (!read_stack(scanner, from, goroutine->stack_high)) {
        scanner->unreadable++;
        return;
    }
    scanner->running = running;
    scanner->moving = goroutine->state != GOROUTINE_WAITING && goroutine->state != GOROUTINE_LEAKED;
    scanner->own = scanner->called_runtime = false;
    if (known && (!running || on_stack)) {
        take_stack(scanner, goroutine, stacks);
    } else {
        scanner->own = true;
        take_range(scanner, scanner->start, scanner->high);
        scanner->own = false;
    }
    take_registers(scanner, goroutine);
    take_defers(scanner, goroutine);
    if (offsets->g_panic != ABSENT &&
        word_at(scanner, goroutine->at + (uint64_t)offsets->g_panic, &panic))
        take(scanner, panic);
    take_variables(scanner);
}

void stack_words_roots(struct stack_scanner *scanner, address from, address to)
{
    AUTO_FREE uint8_t *bytes = xmalloc(CHUNK);
    for (address at = (from + 7) & ~UINT64_C(7); at < to; at += CHUNK) {
        size_t size = to - at < CHUNK ? to - at : CHUNK;
        struct error *error = target_read(scanner->marker->heap->target, at, bytes, size);
        if (error_ignore(error)) {
            scanner->unreadable++;
            continue;
        }
        for (size_t i = 0; i + 8 <= size; i += 8)
            marker_reach_perhaps(scanner->marker, load_u64(bytes + i));
    }
}

/* The reachable set beside the collector's own marks, object for object. After a collection has been swept, a span's allocation bits are its mark bits
 * (runtime/mgcsweep.go).
 *
 * What the collector freed must not be reached: only-reached is an error, whatever the program did since. One thing is not: a goroutine that is interrupted
 * now, and stood elsewhere when the collector came, has all its registers count, also what older code of its thread left in them (only-stale). What it kept
 * and what is not reached needs a reason. Each reason is a further root, in this order; an object counts for the first one that leads to it:
 *
 *   timer         a timer that was stopped or fired: the scheduler takes it from its P's list, also while the collector marks
 *   timers        a P's list of timers that had room for one or a few and was outgrown since: the scavenger sets its timer after a collection
 *   interrupted   a goroutine that was stopped by a signal when the collector came to it: then all its registers count, also what older
 *                 code left in them. They stand below its sp, and, since 1.27, in the P.
 *   weak          a weak pointer was made strong while the collector marked (unique's clean-up does so in 1.23)
 *   unique        a closure that unique's clean-up made while the collector marked (1.23, 1.24): what is new then is marked
 *   dropped       none of these: in a program that ran on, what it let go since, or while the collector marked */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "heapcheck.h"

enum reason {
    REASON_REACHED,
    REASON_MOVING, /* reached, but only by goroutines that are interrupted or run */
    REASON_TIMER,
    REASON_TIMERS,
    REASON_INTERRUPTED,
    REASON_WEAK,
    REASON_UNIQUE,
    REASON_DROPPED,
    REASONS,
};

static const char *const reason_names[REASONS] = {
    [REASON_REACHED] = "both",  [REASON_MOVING] = "moving",           [REASON_TIMER] = "timer",
    [REASON_TIMERS] = "timers", [REASON_INTERRUPTED] = "interrupted", [REASON_WEAK] = "weak",
    [REASON_UNIQUE] = "unique", [REASON_DROPPED] = "dropped",
};

struct comparison {
    uint64_t fresh, fresh_unreached, only_reached, only_stale;
    uint64_t kept[REASONS], kept_bytes[REASONS];
    uint64_t not_swept; /* spans: their marks are not those of the last collection */
    unsigned printed;
};

bool is_moving(const struct goroutine *goroutine)
{
    return goroutine->state == GOROUTINE_RUNNING || goroutine->state == GOROUTINE_RUNNABLE;
}

static void take_stacks(struct opened *opened, struct walk *walk, bool moving)
{
    for (size_t i = 0; i < opened->observation.goroutines.length; i++) {
        const struct goroutine *goroutine = &opened->observation.goroutines.at[i];
        if (is_moving(goroutine) == moving)
            stack_roots(&walk->scanner, goroutine, &opened->stacks);
    }
    marker_drain(&walk->marker);
}

/* All but what moving goroutines lead to. */
static struct error *walk_still(struct opened *opened, struct walk *walk)
{
    TRY(heap_open(opened->runtime, &walk->heap));
    marker_open(walk->heap, &walk->marker);
    stack_scanner_open(&walk->marker, &walk->scanner);
    TRY(global_roots(&walk->marker));
    TRY(finalizer_roots(&walk->marker, false));
    tiny_roots(&walk->marker);
    take_stacks(opened, walk, false);
    return NULL;
}

struct error *walk_all(struct opened *opened, struct walk *walk)
{
    TRY(walk_still(opened, walk));
    take_stacks(opened, walk, true);
    return NULL;
}

void walk_end(struct walk *walk)
{
    stack_scanner_close(&walk->scanner);
    marker_close(&walk->marker);
    heap_close(walk->heap);
}

bool unswept; /* the marks are where the collector puts them */

/* Since 1.26 at the end of a small object's span (runtime/mgcmark_greenteagc.go, spanInlineMarkBits). */
static address mark_bits(const struct heap *heap, const struct span *span)
{
    enum {
        SMALLEST = 16,
        LARGEST = 512,
        MARKS_FROM_END = 64,
    };
    bool inline_marks = heap->inline_marks && span->element_size >= SMALLEST &&
                        span->element_size <= LARGEST && span->class >> 1;
    return inline_marks ? span->start + span->pages * SPAN_PAGE_BYTES - MARKS_FROM_END
                        : span->mark_bits;
}

bool is_kept(struct heap *heap, struct object object)
{
    const struct span *span = &heap->spans.list.at[object.span];
    address bits = unswept ? mark_bits(heap, span) : span->alloc_bits;
    uint8_t byte = 0;
    struct error *error = target_read_cached(heap->target, bits + object.index / 8, &byte, 1);
    return !error_ignore(error) && byte >> object.index % 8 & 1;
}

/* ---- reasons */

static void take_interrupted(struct opened *opened, struct walk *walk)
{
    struct processors processors;
    for (size_t i = 0; i < opened->observation.goroutines.length; i++) {
        const struct goroutine *goroutine = &opened->observation.goroutines.at[i];
        if (is_moving(goroutine))
            stack_words_roots(&walk->scanner, goroutine->stack_low, goroutine->stack_high);
    }
    const struct layout *p = types_layout(opened->program->types, "runtime.p");
    const struct layout *wide = types_layout(opened->program->types, "runtime.xRegState");
    struct layout_field field;
    processors_find(walk->heap, &processors);
    for (size_t i = 0; i < processors.length && p && layout_field(p, "xRegs", &field); i++) {
        address at = processors.at[i] + field.offset;
        uint64_t cache = 0;
        stack_words_roots(&walk->scanner, at, at + field.size);
        struct error *error = target_u64(opened->target, at + field.size - 8, &cache);
        if (!error_ignore(error) && cache && wide)
            stack_words_roots(&walk->scanner, cache, cache + wide->size);
    }
    VECTOR_DEINIT(&processors);
}

/* The name of the function that begins at a pc that stands at an address; NULL if none does. */
static const char *function_at(struct walk *walk, address at)
{
    const struct pclntab *table = &walk->heap->runtime->program->pclntab;
    uint64_t pc = 0;
    struct func func;
    struct error *error = target_u64(walk->heap->target, at, &pc);
    return !error_ignore(error) && pclntab_func(table, pc, &func) && func.entry == pc
               ? func_name(table, &func)
               : NULL;
}

/* One of the words there is a function that a timer calls. */
static bool calls_as_timer(struct walk *walk, address at, uint64_t size)
{
    static const char *const functions[] = {
        "time.goFunc", "time.sendTime",         /* time.AfterFunc, time.NewTimer (time/sleep.go) */
        "runtime.goroutineReady",               /* time.Sleep (runtime/time.go) */
        "runtime.(*scavengerState).init.func1", /* runtime/mgcscavenge.go */
    };
    for (uint64_t i = 0; i < size; i += 8) {
        uint64_t function = 0;
        struct error *error = target_u64(walk->heap->target, at + i, &function);
        const char *name = error_ignore(error) ? NULL : function_at(walk, function);
        for (size_t k = 0; name && k < LENGTH_OF(functions); k++) {
            if (!strcmp(name, functions[k]))
                return true;
        }
    }
    return false;
}

enum {
    TIMER_SIZE_MAX = 160
};

static bool is_timer(struct walk *walk, struct object object)
{
    uint64_t size = object_size(&walk->heap->objects, object);
    return size <= TIMER_SIZE_MAX &&
           calls_as_timer(walk, object_address(&walk->heap->objects, object), size);
}

/* Of runtime.timerWhen (runtime/time.go, since 1.23): a timer, and when it is due. */
static bool is_timers(struct walk *walk, struct object object)
{
    address at = object_address(&walk->heap->objects, object);
    uint64_t timer = 0, due = 0;
    struct object first;
    struct error *error = target_u64(walk->heap->target, at, &timer);
    error = error ? error : target_u64(walk->heap->target, at + 8, &due);
    return !error_ignore(error) && due && object_size(&walk->heap->objects, object) >= 16 &&
           objects_at(&walk->heap->objects, timer, &first) && is_timer(walk, first);
}

static bool is_uniques(struct walk *walk, struct object object)
{
    const char *name = function_at(walk, object_address(&walk->heap->objects, object));
    return name &&
           (!strncmp(name, "unique.", 7) || !strncmp(name, "internal/sync.(*HashTrieMap", 27) ||
            !strncmp(name, "internal/concurrent.(*HashTrieMap", 33)); /* in 1.23 */
}

/* Reaches all that was kept and is of this kind. */
static void take_kind(struct walk *walk, bool (*is_kind)(struct walk *walk, struct object object))
{
    const struct objects *objects = &walk->heap->objects;
    for (uint32_t span = 0; span < objects->span_count; span++) {
        for (uint32_t i = 0; i < objects->spans[span].count; i++) {
            struct object object = {.span = span, .index = i};
            if (!marker_has(&walk->marker, object_number(objects, object)) &&
                is_kept(walk->heap, object) && is_kind(walk, object))
                marker_reach(&walk->marker, object_address(objects, object));
        }
    }
}

static struct error *take_reason(struct opened *opened, struct walk *walk, enum reason reason)
{
    switch (reason) {
    case REASON_INTERRUPTED:
        take_interrupted(opened, walk);
        break;
    case REASON_WEAK:
        TRY(finalizer_roots(&walk->marker, true));
        break;
    case REASON_TIMER:
        take_kind(walk, is_timer);
        break;
    case REASON_TIMERS:
        take_kind(walk, is_timers);
        break;
    case REASON_UNIQUE:
        take_kind(walk, is_uniques);
        break;
    default:
        break;
    }
    marker_drain(&walk->marker);
    return NULL;
}

/* ---- comparing */

static void note(uint8_t *reasons, const struct walk *walk, enum reason reason)
{
    for (uint32_t i = 0; i < walk->heap->objects.count; i++) {
        if (reasons[i] == REASON_DROPPED && marker_has(&walk->marker, i))
            reasons[i] = (uint8_t)reason;
    }
}

static void print_object(const char *what, const struct walk *walk, struct object object)
{
    const struct span *span = &walk->heap->spans.list.at[object.span];
    printf("%s 0x%" PRIx64 " size %" PRIu64 " class %u specials %d\n", what,
           object_address(&walk->heap->objects, object), span->element_size, span->class,
           span->specials != 0);
}

static void compare_object(struct walk *walk, struct object object, enum reason reason,
                           struct comparison *comparison)
{
    enum {
        PRINTED_MAX = 500
    };
    const struct span *span = &walk->heap->spans.list.at[object.span];
    bool kept = is_kept(walk->heap, object), moving = reason == REASON_MOVING;
    if (moving)
        reason = REASON_REACHED;
    if (kept) {
        comparison->kept[reason]++;
        comparison->kept_bytes[reason] += span->element_size;
        if (reason != REASON_REACHED && comparison->printed++ < PRINTED_MAX)
            print_object(reason_names[reason], walk, object);
        return;
    }
    bool fresh = !unswept && object.index < span->free_index;
    comparison->fresh += fresh && reason == REASON_REACHED;
    comparison->fresh_unreached += fresh && reason != REASON_REACHED;
    if (fresh || reason != REASON_REACHED)
        return;
    comparison->only_stale += moving;
    comparison->only_reached += !moving;
    if (comparison->printed++ < PRINTED_MAX)
        print_object(moving ? "only-stale" : "only-reached", walk, object);
}

static int by_number(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* A span was swept if its generation is that of most spans, or, while a P allocates from it, three more (runtime/mheap.go). */
static uint64_t count_not_swept(const struct spans *spans)
{
    size_t count = spans->list.length;
    AUTO_FREE uint32_t *generations = xcalloc(count + 1, sizeof(*generations));
    for (size_t i = 0; i < count; i++)
        generations[i] = spans->list.at[i].sweepgen;
    qsort(generations, count, sizeof(*generations), by_number);
    uint64_t other = 0;
    for (size_t i = 0; i < count; i++)
        other += generations[i] != generations[count / 2] &&
                 generations[i] != generations[count / 2] + 3;
    return other;
}

static void compare_all(struct walk *walk, const uint8_t *reasons, struct comparison *comparison)
{
    const struct objects *objects = &walk->heap->objects;
    for (uint32_t span = 0; span < objects->span_count; span++) {
        for (uint32_t i = 0; i < objects->spans[span].count; i++) {
            struct object object = {.span = span, .index = i};
            compare_object(walk, object, (enum reason)reasons[object_number(objects, object)],
                           comparison);
        }
    }
    comparison->not_swept = count_not_swept(&walk->heap->spans);
}

static void print_comparison(const struct comparison *comparison)
{
    for (unsigned i = 0; i < REASONS; i++) {
        if (i != REASON_MOVING)
            printf("%s %" PRIu64 "\n%s_bytes %" PRIu64 "\n", reason_names[i], comparison->kept[i],
                   reason_names[i], comparison->kept_bytes[i]);
    }
    printf("only_reached %" PRIu64 "\nonly_stale %" PRIu64 "\nfresh %" PRIu64
           "\nfresh_unreached %" PRIu64 "\nnot_swept %" PRIu64 "\n",
           comparison->only_reached, comparison->only_stale, comparison->fresh,
           comparison->fresh_unreached, comparison->not_swept);
}

struct error *print_marks(struct opened *opened)
{
    struct walk walk = {0};
    struct comparison comparison = {0};
    double start = now_s();
    TRY(walk_still(opened, &walk));
    AUTO_FREE uint8_t *reasons = xcalloc(walk.heap->objects.count + 1, 1);
    memset(reasons, REASON_DROPPED, walk.heap->objects.count);
    note(reasons, &walk, REASON_REACHED);
    take_stacks(opened, &walk, true);
    note(reasons, &walk, REASON_MOVING);
    printf("seconds %.3f\nguessed %" PRIu64 "\nunreadable %" PRIu64 "\nunreadable_stacks %" PRIu64
           "\n",
           now_s() - start, walk.heap->guessed_objects, walk.heap->unreadable_bytes,
           walk.scanner.unreadable);
    for (enum reason reason = REASON_MOVING + 1; reason < REASON_DROPPED; reason++) {
        TRY(take_reason(opened, &walk, reason));
        note(reasons, &walk, reason);
    }
    compare_all(&walk, reasons, &comparison);
    print_comparison(&comparison);
    walk_end(&walk);
    return NULL;
}

/* Deferred calls that wait to be run. Go keeps them in two ways:
 *
 *   linked      g._defer, newest first: records made by deferproc (a defer in a loop; on the heap) and deferprocStack (in the
 *               frame). d.sp is the frame, d.pc the return address of the defer statement's call, d.fn the closure.
 *               A range-over-func body (1.22 with the experiment, 1.23+) hangs its records on one record's `head`,
 *               without sp and pc.
 *   open-coded  a byte of bits in the frame (unwind.c found it), closures in slots beside it.
 *
 * A chain of a million is walked record by record through the target's page cache, counting per frame and statement. The
 * frames of a chain only go outwards; a record that breaks this, or a loop (Brent's algorithm), ends the walk. While the
 * program runs, records are put in front of the head, which does not matter, or taken off and used again, which the
 * checks notice: then the chain is read anew. */
#include "runtime/defers.h"

#include <string.h>

#include "base/cursor.h"
#include "base/cycle.h"

enum {
    FRAME_SITE_MIN = 4, /* so many of one statement in one frame are told apart from the others */
    ATTEMPTS = 4,
    RECORDS_MAX = 1 << 27, /* in one look */
    RECORD_SIZE_MAX = 256,
    BAD_DEFER = 1, /* value of `head` once a list was moved on (runtime/panic.go, badDefer) */
};

struct record {
    address at, sp, pc, fn, link, head;
    bool rangefunc, open_coded, heap;
};

/* Calls of one statement in one frame. */
struct local_site {
    struct defer_site site;
    address first_record, first_fn, second_fn;
    bool heap;
};

struct walk {
    struct runtime *runtime;
    struct defer_table *table;
    address stack_low, stack_high;
    struct local_sites VECTOR_OF(struct local_site) sites;
    struct u64map by_key;
    uint32_t newest; /* site of the record before: a run of the same is the usual case */
    uint64_t count;
    uint64_t limit;       /* records to count at most; 0: all */
    uint64_t loop_length; /* of a chain that bites its tail; 0 if it does not */
};

static bool record_read(struct runtime *runtime, address at, struct record *record_ret)
{
    const struct offsets *offsets = &runtime->offsets;
    uint8_t bytes[RECORD_SIZE_MAX];
    if (at % 8 || !is_user_address(at) || offsets->defer_size > sizeof(bytes))
        return false;
    struct error *error = target_read_cached(runtime->target, at, bytes, offsets->defer_size);
    if (error_ignore(error) || bytes[offsets->defer_heap] > 1)
        return false;
    *record_ret = (struct record){
        .at = at,
        .heap = bytes[offsets->defer_heap],
        .sp = load_u64(bytes + offsets->defer_sp),
        .pc = load_u64(bytes + offsets->defer_pc),
        .fn = load_u64(bytes + offsets->defer_fn),
        .link = load_u64(bytes + offsets->defer_link),
        .rangefunc = offsets->defer_rangefunc != ABSENT && bytes[offsets->defer_rangefunc],
        .open_coded = offsets->defer_open_coded != ABSENT && bytes[offsets->defer_open_coded],
        .head = offsets->defer_head == ABSENT ? 0 : load_u64(bytes + offsets->defer_head),
    };
    return true;
}

static address code_of(struct runtime *runtime, address closure)
{
    uint64_t code = 0;
    if (!closure || closure % 8)
        return 0;
    struct error *error = target_u64(runtime->target, closure, &code);
    return error_ignore(error) ? 0 : code;
}

/* The closure of `defer f()` with a function value f keeps f in its first captured word. */
static address captured_code_of(struct runtime *runtime, address closure)
{
    uint64_t value = 0;
    struct error *error =
        closure && closure % 8 == 0 ? target_u64(runtime->target, closure + 8, &value) : NULL;
    if (error_ignore(error) || !is_user_address(value))
        return 0;
    address code = code_of(runtime, value);
    struct func func;
    return pclntab_func(&runtime->program->pclntab, code, &func) && func.entry == code ? code : 0;
}

static struct local_site *site_of(struct walk *walk, const struct record *record,
                                  enum defer_kind kind, address key_pc)
{
    if (walk->sites.length) {
        struct local_site *same = &walk->sites.at[walk->newest];
        if (same->site.sp == record->sp && same->site.pc == record->pc && same->site.kind == kind &&
            kind == DEFER_LINKED)
            return same;
    }
    bool is_new = false;
    uint64_t key = u64_mix(record->sp + kind) ^ key_pc;
    walk->newest = u64map_intern(&walk->by_key, key, (uint32_t)walk->sites.length, &is_new);
    if (is_new) {
        struct local_site fresh = {
            .site = {.sp = record->sp, .pc = record->pc, .kind = kind, .frames = 1},
            .first_record = record->at,
            .first_fn = record->fn,
            .heap = record->heap};
        fresh.site.function = code_of(walk->runtime, record->fn);
        fresh.site.captured = captured_code_of(walk->runtime, record->fn);
        VECTOR_PUSH(&walk->sites, fresh);
    }
    return &walk->sites.at[walk->newest];
}

static void count_record(struct walk *walk, const struct record *record, enum defer_kind kind,
                         address key_pc)
{
    struct local_site *local = site_of(walk, record, kind, key_pc);
    if (++local->site.count == 2)
        local->second_fn = record->fn;
    local->site.oldest = u64_mix(record->at) ^ record->fn;
    walk->count++;
}

/* Chains may share their records, or all goroutines one chain: what a look costs has a bound. */
static bool may_step(struct walk *walk)
{
    return ++walk->table->steps <= RECORDS_MAX;
}

static address link_of(struct runtime *runtime, address at)
{
    struct record record;
    return record_read(runtime, at, &record) ? record.link : 0;
}

/* How many distinct records a looping chain has: two readers, one loop's length apart, meet where the loop begins. */
static uint64_t distinct_records(struct runtime *runtime, address head, uint64_t loop_length)
{
    address ahead = head, behind = head;
    for (uint64_t i = 0; i < loop_length; i++)
        ahead = link_of(runtime, ahead);
    uint64_t before = 0;
    for (; ahead != behind && ahead && behind && before < RECORDS_MAX; before++) {
        ahead = link_of(runtime, ahead);
        behind = link_of(runtime, behind);
    }
    return before + loop_length;
}

/* How many records a list has, each of a loop counted once; *whole_ret: it ends as it should. */
static uint64_t list_length(struct walk *walk, address first, bool *whole_ret)
{
    struct cycle cycle = {0};
    uint64_t length = 0;
    *whole_ret = false;
    for (address at = first; at; length++) {
        struct record record;
        if (cycle_closes(&cycle, at))
            return distinct_records(walk->runtime, first, cycle.steps + 1);
        if (!may_step(walk) || !record_read(walk->runtime, at, &record))
            return length;
        at = record.link;
    }
    *whole_ret = true;
    return length;
}

/* The records that a range-over-func body hung on one record. */
static bool walk_range_func(struct walk *walk, const struct record *owner)
{
    bool whole = false;
    uint64_t at = 0;
    struct error *error = target_u64(walk->runtime->target, owner->head, &at);
    if (error_ignore(error))
        return false;
    if (at == BAD_DEFER)
        return true;
    uint64_t length = list_length(walk, at, &whole);
    for (uint64_t i = 0; i < length; i++) {
        struct record record;
        if (!record_read(walk->runtime, at, &record))
            return false;
        at = record.link;
        record.sp = owner->sp;
        record.pc = owner->pc;
        count_record(walk, &record, DEFER_RANGE_FUNC, code_of(walk->runtime, record.fn));
    }
    return whole;
}

/* One pass over g._defer; false if the chain broke off. */
static bool walk_chain(struct walk *walk, address head)
{
    struct cycle cycle = {0};
    address outermost = 0;
    for (address at = head; at;) {
        struct record record;
        if (walk->limit && walk->count >= walk->limit)
            return true;
        if (cycle_closes(&cycle, at)) {
            walk->loop_length = cycle.steps + 1;
            return false;
        }
        if (!may_step(walk) || !record_read(walk->runtime, at, &record))
            return false;
        bool outside = record.sp < walk->stack_low || record.sp > walk->stack_high;
        if (record.sp < outermost || outside)
            return false;
        outermost = record.sp;
        at = record.link;
        if (record.rangefunc) {
            if (!walk_range_func(walk, &record))
                return false;
        } else if (
            !record
                 .open_coded) { /* up to 1.21 a panic adds records for open-coded frames: counted there */
            count_record(walk, &record, DEFER_LINKED, record.pc);
        }
    }
    return true;
}

static void walk_clear(struct walk *walk)
{
    u64map_deinit(&walk->by_key);
    walk->sites.length = 0;
    walk->newest = 0;
    walk->count = 0;
    walk->loop_length = 0;
}

/* The head as it is now: the program ran on. */
static address newest_head(struct runtime *runtime, const struct goroutine *goroutine)
{
    uint64_t head = 0;
    struct error *error =
        target_read(runtime->target, goroutine->at + (uint64_t)runtime->offsets.g_defer, &head, 8);
    return error_ignore(error) ? 0 : head;
}

static uint64_t shared_key(const struct defer_site *site)
{
    return u64_mix(site->pc * 4 + site->kind) ^ site->function;
}

/* Puts a frame's site into the observation: by itself if it has many calls, else into the statement's total. */
static struct defer_site *publish(struct observation *observation, struct defer_table *table,
                                  uint32_t goroutine, const struct defer_site *site)
{
    uint32_t fresh = (uint32_t)observation->defers.length;
    if (site->count >= FRAME_SITE_MIN && site->kind != DEFER_OPEN_CODED) {
        VECTOR_PUSH(&observation->defers, *site);
        observation->defers.at[fresh].goroutine = goroutine;
        return &observation->defers.at[fresh];
    }
    bool is_new = false;
    uint32_t index = u64map_intern(&table->shared, shared_key(site), fresh, &is_new);
    if (is_new) {
        VECTOR_PUSH(&observation->defers, *site);
        observation->defers.at[index].goroutine = goroutine;
        return &observation->defers.at[index];
    }
    struct defer_site *shared = &observation->defers.at[index];
    shared->count += site->count;
    shared->frames += site->frames;
    if (shared->goroutine != goroutine || shared->sp != site->sp) {
        shared->goroutine = UINT32_MAX;
        shared->sp = 0;
    }
    return shared;
}

static address entry_at(struct runtime *runtime, address return_pc)
{
    return return_pc ? pc_facts_of(runtime, return_pc)->entry : 0;
}

/* One record and one closure of each site stand for the others when the memory is weighed. */
static void publish_walk(struct runtime *runtime, struct observation *observation,
                         struct defer_table *table, uint32_t goroutine, struct walk *walk)
{
    for (size_t i = 0; i < walk->sites.length; i++) {
        struct local_site *local = &walk->sites.at[i];
        local->site.frame_entry = entry_at(runtime, local->site.pc);
        bool own_closures = local->second_fn && local->second_fn != local->first_fn;
        struct defer_site *site = publish(observation, table, goroutine, &local->site);
        if (local->heap && site->count == local->site.count) {
            site->record = local->first_record;
            site->closure = own_closures ? local->first_fn : 0;
        }
    }
}

static uint64_t add_linked(struct runtime *runtime, struct observation *observation,
                           struct defer_table *table, uint32_t index, address head)
{
    const struct goroutine *goroutine = &observation->goroutines.at[index];
    struct walk walk = {.runtime = runtime,
                        .table = table,
                        .stack_low = goroutine->stack_low,
                        .stack_high = goroutine->stack_high};
    bool whole = walk_chain(&walk, head);
    for (unsigned attempt = 1; !whole && attempt < ATTEMPTS; attempt++) {
        target_forget(runtime->target);
        walk_clear(&walk);
        whole = walk_chain(&walk, newest_head(runtime, goroutine));
    }
    if (walk.loop_length) { /* counted more than once: count each record once */
        walk.limit = distinct_records(runtime, newest_head(runtime, goroutine), walk.loop_length);
        walk_clear(&walk);
        walk_chain(&walk, newest_head(runtime, goroutine));
    }
    observation->unread.defers += !whole;
    publish_walk(runtime, observation, table, index, &walk);
    uint64_t count = walk.count;
    walk_clear(&walk);
    VECTOR_DEINIT(&walk.sites);
    return count;
}

/* Closure of the i-th open-coded defer of a frame: the slot's place comes from the function's funcdata. */
static address open_coded_closure(struct runtime *runtime, const struct open_coded_frame *frame,
                                  unsigned bit)
{
    const struct pclntab *table = &runtime->program->pclntab;
    struct func func;
    if (!pclntab_func_at(table, frame->facts.func_index, &func))
        return 0;
    struct bytes blob = func_funcdata_bytes(table, &func, FUNCDATA_OPEN_CODED_DEFER_INFO);
    struct cursor cursor = cursor_over(blob.at, blob.size, "open-coded defers");
    uint64_t distance = 0, second = 0, closure = 0;
    struct error *error = cursor_uvarint(&cursor, &distance);
    if (!error)
        error = cursor_uvarint(&cursor,
                               &second); /* 1.22+: distance of slot 0; before: number of defers */
    bool by_slots = runtime->offsets.defer_rangefunc != ABSENT;
    for (uint64_t i = second; !error && !by_slots && i > bit; i--)
        error = cursor_uvarint(&cursor, &distance); /* one distance each, the last defer first */
    if (!error && by_slots)
        distance = second - bit * UINT64_C(8);
    if (!error)
        error = target_u64(runtime->target, frame->varp - distance, &closure);
    return error_ignore(error) ? 0 : closure;
}

static uint64_t add_open_coded(struct runtime *runtime, struct observation *observation,
                               struct defer_table *table, uint32_t goroutine,
                               const struct unwound *unwound)
{
    uint64_t count = 0;
    for (size_t i = 0; i < unwound->open_coded.length; i++) {
        const struct open_coded_frame *frame = &unwound->open_coded.at[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            if (!(frame->defer_bits >> bit & 1))
                continue;
            struct defer_site site = {
                .count = 1, .frames = 1, .pc = frame->pc, .kind = DEFER_OPEN_CODED};
            address closure = open_coded_closure(runtime, frame, bit);
            site.function = code_of(runtime, closure);
            site.frame_entry = frame->facts.entry;
            site.sp = frame->varp;
            publish(observation, table, goroutine, &site);
            count++;
        }
    }
    return count;
}

uint64_t defers_add(struct runtime *runtime, struct observation *observation,
                    struct defer_table *table, uint32_t goroutine, address head,
                    const struct unwound *unwound)
{
    uint64_t count = head ? add_linked(runtime, observation, table, goroutine, head) : 0;
    if (unwound && unwound->open_coded.length)
        count += add_open_coded(runtime, observation, table, goroutine, unwound);
    return count;
}

void defer_table_deinit(struct defer_table *table)
{
    u64map_deinit(&table->shared);
}

void defers_weigh(struct observation *observation, const struct spans *spans)
{
    for (size_t i = 0; i < observation->defers.length; i++) {
        struct defer_site *site = &observation->defers.at[i];
        const struct span *record = spans_at(spans, site->record);
        const struct span *closure = spans_at(spans, site->closure);
        uint64_t each = record && record->state == SPAN_IN_USE ? record->element_size : 0;
        each += closure && closure->state == SPAN_IN_USE ? closure->element_size : 0;
        site->record_bytes = site->count * each;
    }
}

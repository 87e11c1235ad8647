/* The runtime itself leads from its list of all goroutines to each one's descriptor, from there to its sudogs, and from these to what it waits on. Those
 * ways say nothing about who can wake it: so the descriptor and the sudogs of a sleeper are hidden, marked without being followed, until it can run. Go
 * does the same by clearing sudog.c and sudog.elem for the time of such a collection.
 *
 * The program was stopped anywhere, not where Go would stop it. A thread in the middle of waking somebody has its descriptor or sudog in a register or on its
 * stack: that, too, wakes a sleeper. */
#include "heap/proof.h"

#include <string.h>

#include "base/cycle.h"

enum {
    SUDOGS_MAX = 1 << 16,
    SUDOG_SEARCH_WORDS = 128, /* of the sleeper's stack, from sp up */
};

static bool is_synctest(const struct observation *observation, const struct goroutine *goroutine)
{
    const char *reason = goroutine->wait_reason < observation->wait_reasons.length
                             ? observation->wait_reasons.at[goroutine->wait_reason]
                             : "";
    return strstr(reason, "durable") || strstr(reason, "synctest");
}

/* Only another goroutine can end its wait, and it is known for what it waits. */
static bool may_sleep(const struct observation *observation, const struct goroutine *goroutine)
{
    bool waits = goroutine->state == GOROUTINE_WAITING || goroutine->state == GOROUTINE_LEAKED;
    if (!waits || goroutine->system || goroutine->stack == STACK_NONE || !goroutine->sp ||
        is_synctest(observation, goroutine))
        return false;
    switch ((enum wait_kind)goroutine->wait_kind) {
    case WAIT_NIL_CHAN:
    case WAIT_NO_CASES:
        return true;
    case WAIT_CHAN_SEND:
    case WAIT_CHAN_RECEIVE:
    case WAIT_SELECT:
    case WAIT_MUTEX:
    case WAIT_RWMUTEX:
    case WAIT_WAITGROUP:
    case WAIT_COND:
        return goroutine->wait_count && goroutine->wait_count < UINT16_MAX;
    default:
        return false;
    }
}

static void add_alarm(struct proof *proof, struct object object, uint32_t sleeper)
{
    uint32_t number = object_number(&proof->heap->objects, object);
    marker_watch(&proof->marker, number);
    VECTOR_PUSH(&proof->alarms, (struct alarm){.object = number, .sleeper = sleeper});
}

static void hide(struct proof *proof, address at, uint32_t sleeper)
{
    struct object object;
    if (!objects_at(&proof->heap->objects, at, &object))
        return;
    marker_hide(&proof->marker, object_number(&proof->heap->objects, object));
    VECTOR_PUSH(&proof->hidden, object);
    add_alarm(proof, object, sleeper);
}

static bool word_at(const struct proof *proof, address at, uint64_t *word_ret)
{
    struct error *error = target_u64(proof->runtime->target, at, word_ret);
    return !error_ignore(error);
}

/* Up to Go 1.25 the sudog of who waits for a semaphore stands on its own stack only. */
static address sudog_on_stack(const struct proof *proof, const struct goroutine *goroutine)
{
    const struct offsets *offsets = &proof->runtime->offsets;
    for (unsigned i = 0; i < SUDOG_SEARCH_WORDS; i++) {
        uint64_t word = 0, owner = 0;
        address at = goroutine->sp + i * 8;
        if (at + 8 > goroutine->stack_high || !word_at(proof, at, &word))
            return 0;
        bool inner = word >= goroutine->stack_low && word < goroutine->stack_high;
        if (word % 8 == 0 && is_user_address(word) && !inner &&
            word_at(proof, word + (uint64_t)offsets->sudog_g, &owner) && owner == goroutine->at)
            return word;
    }
    return 0;
}

static void hide_sudogs(struct proof *proof, const struct goroutine *goroutine, uint32_t sleeper)
{
    const struct offsets *offsets = &proof->runtime->offsets;
    struct cycle cycle = {0};
    uint64_t sudog = 0;
    if (!word_at(proof, goroutine->at + (uint64_t)offsets->g_waiting, &sudog))
        return;
    if (!sudog)
        sudog = sudog_on_stack(proof, goroutine);
    for (unsigned i = 0; sudog && i < SUDOGS_MAX && !cycle_closes(&cycle, sudog); i++) {
        uint64_t owner = 0, next = 0;
        if (!word_at(proof, sudog + (uint64_t)offsets->sudog_g, &owner) || owner != goroutine->at ||
            !word_at(proof, sudog + (uint64_t)offsets->sudog_waitlink, &next))
            return;
        hide(proof, sudog, sleeper);
        bool semaphore = goroutine->wait_kind != WAIT_CHAN_SEND &&
                         goroutine->wait_kind != WAIT_CHAN_RECEIVE &&
                         goroutine->wait_kind != WAIT_SELECT;
        sudog = semaphore ? 0 : next; /* a semaphore's waitlink leads to other waiters */
    }
}

/* What it waits on must lie in the heap: a variable, or another goroutine's stack, can be reached by anybody. */
static bool set_alarms(struct proof *proof, const struct goroutine *goroutine, uint32_t sleeper)
{
    if (goroutine->wait_kind == WAIT_NIL_CHAN || goroutine->wait_kind == WAIT_NO_CASES)
        return true;
    for (uint32_t i = 0; i < goroutine->wait_count; i++) {
        const struct wait *wait = &proof->observation->waits.at[goroutine->first_wait + i];
        struct object object;
        if (!objects_at(&proof->heap->objects, proof->observation->objects.at[wait->object].at,
                        &object))
            return false;
    }
    for (uint32_t i = 0; i < goroutine->wait_count; i++) {
        const struct wait *wait = &proof->observation->waits.at[goroutine->first_wait + i];
        struct object object;
        if (objects_at(&proof->heap->objects, proof->observation->objects.at[wait->object].at,
                       &object))
            add_alarm(proof, object, sleeper);
    }
    return true;
}

static int by_object(const void *left, const void *right)
{
    const struct alarm *a = left, *b = right;
    return a->object != b->object ? (a->object < b->object ? -1 : 1)
                                  : (a->sleeper > b->sleeper) - (a->sleeper < b->sleeper);
}

static void find_sleepers(struct proof *proof)
{
    const struct observation *observation = proof->observation;
    for (uint32_t i = 0; i < observation->goroutines.length; i++) {
        const struct goroutine *goroutine = &observation->goroutines.at[i];
        uint32_t sleeper = (uint32_t)proof->sleepers.length;
        if (!may_sleep(observation, goroutine) || !set_alarms(proof, goroutine, sleeper))
            continue;
        uint32_t first = (uint32_t)proof->hidden.length;
        hide(proof, goroutine->at, sleeper);
        hide_sudogs(proof, goroutine, sleeper);
        VECTOR_PUSH(&proof->sleepers,
                    (struct sleeper){.goroutine = i,
                                     .first_hidden = first,
                                     .hidden_count = (uint32_t)proof->hidden.length - first});
    }
    if (proof->alarms.length)
        qsort(proof->alarms.at, proof->alarms.length, sizeof(*proof->alarms.at), by_object);
}

/* Now it counts what the goroutine holds. */
static void follow(struct proof *proof, const struct sleeper *sleeper)
{
    const struct goroutine *goroutine = &proof->observation->goroutines.at[sleeper->goroutine];
    for (uint32_t i = 0; i < sleeper->hidden_count; i++)
        marker_unhide(&proof->marker, proof->hidden.at[sleeper->first_hidden + i]);
    stack_roots(&proof->scanner, goroutine, proof->observation->stacks);
}

static void wake(struct proof *proof, uint32_t object)
{
    size_t low = 0, high = proof->alarms.length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (proof->alarms.at[middle].object < object)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < proof->alarms.length && proof->alarms.at[low].object == object; low++) {
        struct sleeper *sleeper = &proof->sleepers.at[proof->alarms.at[low].sleeper];
        if (sleeper->awake)
            continue;
        sleeper->awake = true;
        follow(proof, sleeper);
    }
}

static void settle(struct proof *proof)
{
    marker_drain(&proof->marker);
    while (proof->marker.woken.length) {
        wake(proof, proof->marker.woken.at[--proof->marker.woken.length]);
        marker_drain(&proof->marker);
    }
}

static void goroutine_roots(struct proof *proof)
{
    size_t next = 0;
    for (uint32_t i = 0; i < proof->observation->goroutines.length; i++) {
        if (next < proof->sleepers.length && proof->sleepers.at[next].goroutine == i)
            next++;
        else
            stack_roots(&proof->scanner, &proof->observation->goroutines.at[i],
                        proof->observation->stacks);
    }
}

static struct error *check_complete(const struct proof *proof)
{
    if (proof->heap->unreadable_bytes || proof->scanner.unreadable)
        return error_create(ERROR_FAULT, "part of the heap or of the stacks could not be read");
    if (proof->observation->unread.goroutines)
        return error_create(ERROR_FAULT, "some goroutines could not be read");
    return NULL;
}

static struct error *prove(struct proof *proof)
{
    TRY(heap_open(proof->runtime, &proof->heap));
    marker_open(proof->heap, &proof->marker);
    stack_scanner_open(&proof->marker, &proof->scanner);
    find_sleepers(proof);
    TRY(global_roots(&proof->marker));
    TRY(finalizer_roots(&proof->marker, true));
    TRY(thread_roots(&proof->scanner));
    tiny_roots(&proof->marker);
    goroutine_roots(proof);
    settle(proof);
    TRY(check_complete(proof));
    for (size_t i = 0; i < proof->sleepers.length; i++)
        proof->stuck += !proof->sleepers.at[i].awake;
    proof->reached_objects = proof->marker.objects;
    proof->reached_bytes = proof->marker.bytes;
    return NULL;
}

struct error *proof_open(struct runtime *runtime, const struct observation *observation,
                         struct proof **proof_ret)
{
    struct proof *proof = xcalloc(1, sizeof(*proof));
    proof->runtime = runtime;
    proof->observation = observation;
    struct error *error = prove(proof);
    if (error) {
        proof_close(proof);
        return error;
    }
    *proof_ret = proof;
    return NULL;
}

void proof_close(struct proof *proof)
{
    if (!proof)
        return;
    VECTOR_DEINIT(&proof->sleepers);
    VECTOR_DEINIT(&proof->alarms);
    VECTOR_DEINIT(&proof->hidden);
    stack_scanner_close(&proof->scanner);
    marker_close(&proof->marker);
    heap_close(proof->heap);
    free(proof);
}

uint8_t *proof_stuck(const struct proof *proof)
{
    uint8_t *stuck = xcalloc(proof->observation->goroutines.length + 1, 1);
    for (size_t i = 0; i < proof->sleepers.length; i++)
        stuck[proof->sleepers.at[i].goroutine] = !proof->sleepers.at[i].awake;
    return stuck;
}

static struct sleeper *sleeper_of(struct proof *proof, uint32_t goroutine)
{
    size_t low = 0, high = proof->sleepers.length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (proof->sleepers.at[middle].goroutine < goroutine)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < proof->sleepers.length && proof->sleepers.at[low].goroutine == goroutine;
    return found ? &proof->sleepers.at[low] : NULL;
}

uint64_t proof_held_bytes(struct proof *proof, const uint32_t *goroutines, size_t count)
{
    uint64_t before = proof->marker.bytes;
    for (size_t i = 0; i < count; i++) {
        struct sleeper *sleeper = sleeper_of(proof, goroutines[i]);
        if (!sleeper || sleeper->awake || sleeper->released)
            continue;
        sleeper->released = true;
        follow(proof, sleeper);
    }
    marker_drain(&proof->marker);
    proof->marker.woken.length = 0;
    return proof->marker.bytes - before;
}

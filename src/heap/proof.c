/* What a goroutine waits on is hidden behind its descriptor and its sudogs (hiding.h) until it can run; Go does the same by clearing sudog.c and
 * sudog.elem for the time of such a collection.
 *
 * The program was stopped anywhere, not where Go would stop it. A thread in the middle of waking somebody has its descriptor or sudog in a register or on its
 * stack: that, too, wakes a sleeper. */
#include "heap/proof.h"

#include <string.h>

static bool is_synctest(const struct observation *observation, const struct goroutine *goroutine)
{
    const char *reason = goroutine->wait_reason < observation->wait_reasons.length
                             ? observation->wait_reasons.at[goroutine->wait_reason]
                             : "";
    return strstr(reason, "durable") || strstr(reason, "synctest");
}

/* A select whose channels all are nil waits on nothing (runtime/select.go): it has no sudog. */
static bool waits_on_nothing(const struct proof *proof, const struct goroutine *goroutine)
{
    const struct runtime *runtime = proof->heap->runtime;
    uint64_t sudog = 0;
    struct error *error =
        target_u64(runtime->target, goroutine->at + (uint64_t)runtime->offsets.g_waiting, &sudog);
    return !error_ignore(error) && !sudog;
}

/* Code that is not the runtime's can park, too, by a linkname to gopark and with any wait reason; what ends such a wait only it knows
 * (gvisor.dev/gvisor/pkg/sleep). */
static bool is_parked_by_runtime(struct proof *proof, const struct goroutine *goroutine)
{
    const struct stack_table *stacks = proof->observation->stacks;
    const struct stack *stack = &stacks->stacks.at[goroutine->stack];
    for (uint32_t i = 0; i < stack->kept; i++) {
        struct func func;
        address pc = stack_lookup_pc(stacks, stack, i);
        const struct pclntab *table = &proof->heap->runtime->program->pclntab;
        if (!pclntab_func(table, pc, &func))
            return false;
        const char *name = func_name(table, &func);
        if (strcmp(name, "runtime.gopark") != 0 && strcmp(name, "runtime.goparkunlock") != 0)
            return !frame_maps_is_plain(&proof->scanner.maps, pc);
    }
    return false;
}

/* Only another goroutine can end its wait, and it is known for what it waits. */
static bool may_sleep(struct proof *proof, const struct goroutine *goroutine)
{
    const struct observation *observation = proof->observation;
    bool waits = goroutine->state == GOROUTINE_WAITING || goroutine->state == GOROUTINE_LEAKED;
    if (!waits || goroutine->system || goroutine->stack == STACK_NONE || !goroutine->sp ||
        is_synctest(observation, goroutine) || !is_parked_by_runtime(proof, goroutine))
        return false;
    switch ((enum wait_kind)goroutine->wait_kind) {
    case WAIT_NIL_CHAN:
    case WAIT_NO_CASES:
        return true;
    case WAIT_SELECT:
        if (!goroutine->wait_count)
            return waits_on_nothing(proof, goroutine);
        return goroutine->wait_count < UINT16_MAX;
    case WAIT_CHAN_SEND:
    case WAIT_CHAN_RECEIVE:
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
    marker_watch(&proof->marker, object);
    VECTOR_PUSH(&proof->alarms, (struct alarm){.object = number, .sleeper = sleeper});
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
        if (!may_sleep(proof, goroutine) || !set_alarms(proof, goroutine, sleeper))
            continue;
        struct hidden_range hidden = hide_goroutine(&proof->hiding, goroutine);
        for (uint32_t k = 0; k < hidden.count; k++)
            add_alarm(proof, proof->hiding.objects.at[hidden.first + k], sleeper);
        VECTOR_PUSH(&proof->sleepers, (struct sleeper){.goroutine = i, .hidden = hidden});
    }
    if (proof->alarms.length)
        qsort(proof->alarms.at, proof->alarms.length, sizeof(*proof->alarms.at), by_object);
}

/* Now it counts what the goroutine holds. */
static void follow(struct proof *proof, const struct sleeper *sleeper)
{
    const struct goroutine *goroutine = &proof->observation->goroutines.at[sleeper->goroutine];
    unhide(&proof->hiding, sleeper->hidden);
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

static struct error *check_complete(const struct proof *proof)
{
    if (proof->heap->unreadable_bytes || proof->scanner.unreadable)
        return error_create(ERROR_FAULT, "part of the heap or of the stacks could not be read");
    if (proof->observation->unread.goroutines)
        return error_create(ERROR_FAULT, "some goroutines could not be read");
    return NULL;
}

static uint8_t *asleep_now(const struct proof *proof)
{
    uint8_t *asleep = xcalloc(proof->observation->goroutines.length + 1, 1);
    for (size_t i = 0; i < proof->sleepers.length; i++)
        asleep[proof->sleepers.at[i].goroutine] = !proof->sleepers.at[i].awake;
    return asleep;
}

/* A program's main often waits so on purpose. What only it refers to is out of reach all the same (runtime/mgc.go, findGoroutineLeaks, since 1.27). */
static bool is_main_at_rest(const struct goroutine *goroutine)
{
    return goroutine->id == 1 && goroutine->wait_kind == WAIT_NO_CASES;
}

static struct error *prove(struct proof *proof)
{
    find_sleepers(proof);
    AUTO_FREE uint8_t *asleep = asleep_now(proof);
    TRY(all_roots(&proof->scanner, proof->observation, asleep, true));
    settle(proof);
    TRY(check_complete(proof));
    AUTO_FREE uint8_t *stuck = proof_stuck(proof);
    for (size_t i = 0; i < proof->observation->goroutines.length; i++)
        proof->stuck += stuck[i];
    proof->reached_objects = proof->marker.objects;
    proof->reached_bytes = proof->marker.bytes;
    return NULL;
}

struct error *proof_open(struct heap *heap, const struct observation *observation,
                         struct proof **proof_ret)
{
    struct proof *proof = xcalloc(1, sizeof(*proof));
    proof->heap = heap;
    proof->observation = observation;
    marker_open(heap, &proof->marker);
    stack_scanner_open(&proof->marker, &proof->scanner);
    proof->hiding.marker = &proof->marker;
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
    hiding_deinit(&proof->hiding);
    stack_scanner_close(&proof->scanner);
    marker_close(&proof->marker);
    free(proof);
}

uint8_t *proof_stuck(const struct proof *proof)
{
    const struct observation *observation = proof->observation;
    uint8_t *stuck = asleep_now(proof);
    for (size_t i = 0; i < observation->goroutines.length; i++)
        stuck[i] = stuck[i] && !is_main_at_rest(&observation->goroutines.at[i]);
    return stuck;
}

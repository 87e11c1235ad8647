/* Which Mutex, RWMutex, WaitGroup or Cond a goroutine waits on. All of them park on the runtime's semaphores
 * (runtime/sema.go): a sudog whose `elem` is the address of the object's semaphore word, or, for a Cond, of its list
 * (1.26+). From Go 1.26 g.waiting points to that sudog. Before, it stands only in the frame of semacquire1 or
 * notifyListWait: so the goroutine's own stack is searched for a pointer to a sudog whose g is this goroutine. All goroutines with one
 * stack have it at the same place, which is kept.
 *
 * Distances of the semaphore word (src/sync, Go 1.18 to 1.27): Mutex 4; RWMutex writer 8, reader 12; WaitGroup 8; Cond's list 16. */
#include <string.h>

#include "runtime/waits.h"

enum {
    MUTEX_SEMA = 4,
    RWMUTEX_WRITER_SEMA = 8,
    RWMUTEX_READER_SEMA = 12,
    WAITGROUP_SEMA = 8,
    COND_LIST = 16,
    LIST_HEAD = 16,     /* notifyList.head */
    SEARCH_WORDS = 80,  /* of the stack, from sp up */
    FRAMES_LOOKED = 12, /* of the stack's names */
    PLACE_SUDOG = 0,
    PLACE_LIST = 1,
    PLACE_COND = 2,
    PLACES = 3,
};

struct search {
    struct runtime *runtime;
    const struct goroutine *goroutine;
    const struct stack_piece *piece;
};

static bool word(const struct search *search, address at, uint64_t *value_ret)
{
    struct error *error = target_u64(search->runtime->target, at, value_ret);
    return !error_ignore(error);
}

static bool is_own_sudog(const struct search *search, address at)
{
    uint64_t g = 0;
    return at % 8 == 0 && is_user_address(at) &&
           word(search, at + (uint64_t)search->runtime->offsets.sudog_g, &g) &&
           g == search->goroutine->at;
}

/* Some goroutine's sudog: its g points to itself in g.sched.g. */
static bool is_sudog(const struct search *search, address at)
{
    const struct offsets *offsets = &search->runtime->offsets;
    uint64_t g = 0, self = 0;
    return at % 8 == 0 && is_user_address(at) &&
           word(search, at + (uint64_t)offsets->sudog_g, &g) && g % 8 == 0 && is_user_address(g) &&
           word(search, g + (uint64_t)offsets->g_sched_g, &self) && self == g;
}

/* A notifyList: its first and its last waiter are sudogs. */
static bool is_notify_list(const struct search *search, address at)
{
    uint64_t head = 0, tail = 0;
    return at % 8 == 0 && is_user_address(at) && word(search, at + LIST_HEAD, &head) &&
           word(search, at + LIST_HEAD + 8, &tail) && is_sudog(search, head) &&
           is_sudog(search, tail);
}

static bool is_cond(const struct search *search, address at)
{
    return is_notify_list(search, at + COND_LIST);
}

typedef bool check_fn(const struct search *search, address at);

/* The first word of the stack that the check likes; the place is kept per stack and looked at first. */
static address find_on_stack(const struct search *search, check_fn *check, unsigned what)
{
    struct runtime *runtime = search->runtime;
    address sp = search->goroutine->sp;
    uint64_t key = (uint64_t)search->goroutine->stack * PLACES + what, value = 0;
    uint32_t place = 0;
    if (u64map_get(&runtime->sudog_place, key, &place) &&
        stack_word(runtime, search->piece, sp + place * UINT64_C(8), &value) &&
        check(search, value))
        return value;
    for (uint32_t i = 0; i < SEARCH_WORDS && sp + i * 8 + 8 <= search->goroutine->stack_high; i++) {
        if (!stack_word(runtime, search->piece, sp + i * UINT64_C(8), &value))
            break;
        bool on_stack =
            value >= search->goroutine->stack_low && value < search->goroutine->stack_high;
        if (on_stack || !check(search, value))
            continue;
        u64map_set(&runtime->sudog_place, key, i);
        return value;
    }
    return 0;
}

/* Before 1.20 every kind is "semacquire": the innermost function of package sync tells. */
static enum wait_kind kind_by_frames(struct runtime *runtime, const struct observation *observation,
                                     const struct goroutine *goroutine, bool *reads_ret)
{
    static const struct {
        const char *start;
        enum wait_kind kind;
    } kinds[] = {
        {"sync.(*Mutex).", WAIT_MUTEX},     {"internal/sync.(*Mutex).", WAIT_MUTEX},
        {"sync.(*RWMutex).", WAIT_RWMUTEX}, {"sync.(*WaitGroup).Wait", WAIT_WAITGROUP},
        {"sync.(*Cond).Wait", WAIT_COND},   {"internal/poll.", WAIT_SEMAPHORE},
    };
    if (goroutine->stack == STACK_NONE)
        return WAIT_SEMAPHORE;
    const struct stack *stack = &observation->stacks->stacks.at[goroutine->stack];
    for (uint32_t i = 0; i < stack->kept && i < FRAMES_LOOKED; i++) {
        struct source_frame frames[8];
        size_t count = pclntab_frames(&runtime->program->pclntab,
                                      stack_lookup_pc(observation->stacks, stack, i), frames,
                                      LENGTH_OF(frames));
        for (size_t k = 0; k < count; k++) {
            for (size_t j = 0; j < LENGTH_OF(kinds); j++) {
                if (strncmp(frames[k].function, kinds[j].start, strlen(kinds[j].start)) != 0)
                    continue;
                *reads_ret = strstr(frames[k].function, ").RLock");
                return kinds[j].kind;
            }
        }
    }
    return WAIT_SEMAPHORE;
}

static address object_at(enum wait_kind kind, address semaphore, bool reads)
{
    switch (kind) {
    case WAIT_MUTEX:
        return semaphore - MUTEX_SEMA;
    case WAIT_RWMUTEX:
        return semaphore - (reads ? RWMUTEX_READER_SEMA : RWMUTEX_WRITER_SEMA);
    case WAIT_WAITGROUP:
        return semaphore - WAITGROUP_SEMA;
    default:
        return semaphore;
    }
}

static address cond_at(const struct search *search, const struct sudog_copy *sudog)
{
    if (sudog && sudog->element)
        return sudog->element - COND_LIST;
    address list = find_on_stack(search, is_notify_list, PLACE_LIST);
    return list ? list - COND_LIST : find_on_stack(search, is_cond, PLACE_COND);
}

address semaphore_object(struct runtime *runtime, const struct observation *observation,
                         const struct goroutine *goroutine, const struct sudog_copy *sudog,
                         const struct stack_piece *piece, enum wait_kind *kind_ret)
{
    struct search search = {.runtime = runtime, .goroutine = goroutine, .piece = piece};
    bool reads = strstr(runtime->wait_reasons.at[goroutine->wait_reason], ".RLock");
    if (*kind_ret == WAIT_SEMAPHORE)
        *kind_ret = kind_by_frames(runtime, observation, goroutine, &reads);
    if (*kind_ret == WAIT_COND)
        return cond_at(&search, sudog);
    uint64_t semaphore = sudog ? sudog->element : 0;
    if (!semaphore) {
        address own = find_on_stack(&search, is_own_sudog, PLACE_SUDOG);
        if (!own || !word(&search, own + (uint64_t)runtime->offsets.sudog_elem, &semaphore))
            return 0;
    }
    return semaphore ? object_at(*kind_ret, semaphore, reads) : 0;
}

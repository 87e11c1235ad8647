#include "runtime/waits.h"

#include <string.h>

enum {
    BATCH = 4096,
    QUEUE_STEPS_MAX = 1 << 16,
    HCHAN_SIZE_MAX = 256,
    CAPACITY_SANE_BITS = 40,
    SELECT_FRAMES = 4,    /* among so many is the function that parks */
    SUDOG_ALIGN_BITS = 4, /* it has a size class of its own, of more bytes */
};

void sudog_decode(const struct offsets *offsets, address at, const uint8_t *bytes,
                  struct sudog_copy *sudog_ret)
{
    *sudog_ret = (struct sudog_copy){
        .at = at,
        .g = load_u64(bytes + offsets->sudog_g),
        .channel = load_u64(bytes + offsets->sudog_c),
        .element = load_u64(bytes + offsets->sudog_elem),
        .waitlink = load_u64(bytes + offsets->sudog_waitlink),
    };
}

static uint32_t object_of(struct observation *observation, struct wait_table *table, address at,
                          enum wait_kind kind)
{
    bool is_new = false;
    uint64_t key = u64_mix(at) + kind;
    uint32_t index =
        u64map_intern(&table->by_address, key, (uint32_t)observation->objects.length, &is_new);
    if (is_new)
        VECTOR_PUSH(&observation->objects, (struct wait_object){.at = at, .kind = kind});
    return index;
}

static void add_wait(struct observation *observation, struct wait_table *table,
                     struct goroutine *goroutine, address at, enum wait_kind kind,
                     enum wait_direction direction, const struct sudog_copy *sudog)
{
    struct wait wait = {.goroutine = (uint32_t)(goroutine - observation->goroutines.at),
                        .object = object_of(observation, table, at, kind),
                        .sudog = sudog ? (uint32_t)(sudog->at >> SUDOG_ALIGN_BITS) : 0,
                        .direction = direction};
    VECTOR_PUSH(&observation->waits, wait);
    goroutine->wait_count++;
}

static enum wait_direction direction_of_nil(const struct runtime *runtime,
                                            const struct goroutine *goroutine)
{
    return strstr(runtime->wait_reasons.at[goroutine->wait_reason], "send") ? DIRECTION_SEND
                                                                            : DIRECTION_RECEIVE;
}

/* Its frames say that it is the runtime's select that parked (runtime/select.go), and not somebody who borrows its wait reason. */
static bool is_in_select(const struct runtime *runtime, const struct observation *observation,
                         const struct goroutine *goroutine)
{
    const struct pclntab *table = &runtime->program->pclntab;
    const struct stack *stack = &observation->stacks->stacks.at[goroutine->stack];
    for (uint32_t i = 0; i < stack->kept && i < SELECT_FRAMES; i++) {
        struct func func;
        if (pclntab_func(table, stack_lookup_pc(observation->stacks, stack, i), &func) &&
            !strcmp(func_name(table, &func), "runtime.selectgo"))
            return true;
    }
    return false;
}

/* A select whose channels all are nil waits on none: it has no sudog. */
static bool waits_on_none(const struct runtime *runtime, const struct observation *observation,
                          const struct goroutine *goroutine, const struct sudog_list *sudogs)
{
    return goroutine->wait_kind == WAIT_SELECT && sudogs->empty && goroutine->stack != STACK_NONE &&
           is_in_select(runtime, observation, goroutine);
}

static void add_channels(const struct runtime *runtime, struct observation *observation,
                         struct wait_table *table, struct goroutine *goroutine,
                         const struct sudog_list *sudogs)
{
    enum wait_direction direction = goroutine->wait_kind == WAIT_CHAN_SEND      ? DIRECTION_SEND
                                    : goroutine->wait_kind == WAIT_CHAN_RECEIVE ? DIRECTION_RECEIVE
                                                                                : DIRECTION_NONE;
    for (size_t i = 0; i < sudogs->count && goroutine->wait_count < UINT16_MAX; i++) {
        const struct sudog_copy *sudog = &sudogs->at[i];
        if (sudog->channel)
            add_wait(observation, table, goroutine, sudog->channel, WAIT_CHAN_SEND, direction,
                     sudog);
    }
    if (!goroutine->wait_count && !waits_on_none(runtime, observation, goroutine, sudogs))
        observation->unread.channels++;
}

static void add_semaphore(struct runtime *runtime, struct observation *observation,
                          struct wait_table *table, struct goroutine *goroutine,
                          const struct sudog_copy *sudog, const struct stack_piece *piece)
{
    enum wait_kind kind = goroutine->wait_kind;
    address at = semaphore_object(runtime, observation, goroutine, sudog, piece, &kind);
    goroutine->wait_kind = (uint8_t)kind;
    if (at)
        add_wait(observation, table, goroutine, at, kind, DIRECTION_NONE, sudog);
    else
        observation->unread.channels++;
}

void waits_add(struct runtime *runtime, struct observation *observation, struct wait_table *table,
               struct goroutine *goroutine, const struct sudog_list *sudogs,
               const struct stack_piece *piece)
{
    goroutine->first_wait = (uint32_t)observation->waits.length;
    switch ((enum wait_kind)goroutine->wait_kind) {
    case WAIT_NIL_CHAN:
        add_wait(observation, table, goroutine, 0, WAIT_NIL_CHAN,
                 direction_of_nil(runtime, goroutine), NULL);
        break;
    case WAIT_CHAN_SEND:
    case WAIT_CHAN_RECEIVE:
    case WAIT_SELECT:
        add_channels(runtime, observation, table, goroutine, sudogs);
        break;
    case WAIT_MUTEX:
    case WAIT_RWMUTEX:
    case WAIT_WAITGROUP:
    case WAIT_COND:
    case WAIT_SEMAPHORE:
        add_semaphore(runtime, observation, table, goroutine, sudogs->count ? &sudogs->at[0] : NULL,
                      piece);
        break;
    default:
        break;
    }
}

static void decode_channel(const struct offsets *offsets, const uint8_t *bytes,
                           struct wait_object *object)
{
    uint64_t length = load_u64(bytes + offsets->hchan_length);
    uint64_t capacity = load_u64(bytes + offsets->hchan_capacity);
    if (length > capacity || capacity >> CAPACITY_SANE_BITS)
        return;
    object->readable = true;
    object->length = length;
    object->capacity = capacity;
    object->closed = load_u32(bytes + offsets->hchan_closed) != 0;
    object->element_type = load_u64(bytes + offsets->hchan_element_type);
    object->first_sender = load_u64(bytes + offsets->hchan_senders);
    object->first_receiver = load_u64(bytes + offsets->hchan_receivers);
}

static struct error *read_channels(struct runtime *runtime, struct observation *observation,
                                   size_t from)
{
    uint32_t size = runtime->offsets.hchan_size;
    AUTO_FREE uint8_t *bytes = xmalloc((size_t)BATCH * size);
    AUTO_FREE struct read_request *requests = xcalloc(BATCH, sizeof(*requests));
    AUTO_FREE uint32_t *index = xcalloc(BATCH, sizeof(*index));
    size_t wanted = 0;
    for (size_t i = from; i < observation->objects.length && i < from + BATCH; i++) {
        if (observation->objects.at[i].kind != WAIT_CHAN_SEND)
            continue;
        index[wanted] = (uint32_t)i;
        requests[wanted] = (struct read_request){
            .at = observation->objects.at[i].at, .size = size, .to = bytes + wanted * size};
        wanted++;
    }
    TRY(target_read_many(runtime->target, requests, wanted));
    for (size_t i = 0; i < wanted; i++) {
        size_t object = index[(size_t)((uint8_t *)requests[i].to - bytes) / size];
        if (!requests[i].failed)
            decode_channel(&runtime->offsets, requests[i].to, &observation->objects.at[object]);
        observation->unread.channels += !observation->objects.at[object].readable;
    }
    return NULL;
}

/* Is one of the goroutine's sudogs in a queue? Only asked where one channel has both queues filled, which needs a select
 * that both sends to and receives from it. */
static bool queue_holds(struct runtime *runtime, address sudog, address g)
{
    const struct offsets *offsets = &runtime->offsets;
    for (unsigned steps = 0; sudog && steps < QUEUE_STEPS_MAX; steps++) {
        uint64_t owner = 0, next = 0;
        struct error *error =
            target_u64(runtime->target, sudog + (uint64_t)offsets->sudog_g, &owner);
        if (!error)
            error = target_u64(runtime->target, sudog + (uint64_t)offsets->sudog_next, &next);
        if (error_ignore(error))
            return false;
        if (owner == g)
            return true;
        sudog = next;
    }
    return false;
}

/* Which way a select's case goes: its sudog is in one of the channel's queues, and two that both wait there would have met. */
static void find_direction(struct runtime *runtime, const struct observation *observation,
                           struct wait *wait)
{
    const struct wait_object *object = &observation->objects.at[wait->object];
    if (wait->direction != DIRECTION_NONE)
        return;
    if (object->first_sender && object->first_receiver)
        wait->direction = queue_holds(runtime, object->first_sender,
                                      observation->goroutines.at[wait->goroutine].at)
                              ? DIRECTION_SEND
                              : DIRECTION_RECEIVE;
    else if (object->first_sender)
        wait->direction = DIRECTION_SEND;
    else if (object->first_receiver)
        wait->direction = DIRECTION_RECEIVE;
}

struct error *waits_finish(struct runtime *runtime, struct observation *observation)
{
    for (size_t i = 0; i < observation->objects.length; i += BATCH)
        TRY(read_channels(runtime, observation, i));
    for (size_t i = 0; i < observation->waits.length; i++) {
        struct wait *wait = &observation->waits.at[i];
        struct wait_object *object = &observation->objects.at[wait->object];
        if (object->kind == WAIT_CHAN_SEND)
            find_direction(runtime, observation, wait);
        object->senders += wait->direction == DIRECTION_SEND;
        object->receivers += wait->direction == DIRECTION_RECEIVE;
        object->waiters += wait->direction == DIRECTION_NONE;
        object->readable = object->readable || object->kind != WAIT_CHAN_SEND;
    }
    return NULL;
}

void wait_table_deinit(struct wait_table *table)
{
    u64map_deinit(&table->by_address);
}

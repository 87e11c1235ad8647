/* Reading a list that changes under the reader. For each batch of descriptors: read them, read what they point to (the
 * stack's inner end, the sudogs), read the descriptors again. Who did not change meanwhile is believed; who did is
 * read again, at most ATTEMPTS times, and then kept without its stack. Goroutines that leak do not move, so that this
 * ends at once for them. allgs only grows (runtime/proc.go, allgadd), and a descriptor is never freed. */
#include "runtime/goroutines.h"

#include "base/cycle.h"
#include "runtime/owners.h"

enum {
    BATCH = 2048,
    ATTEMPTS = 4,
    PIECE_BYTES = 512,
    SUDOGS_MAX = 1 << 16, /* cases of one select: the compiler allows no more (runtime/select.go) */
    SUDOGS_OF_BATCH_MAX = 1 << 19,
    SUDOGS_OF_LOOK_MAX = 1 << 25,
    FRAMES_OF_LOOK_MAX =
        1 << 27, /* walked: goroutines of a broken list may all share one deep stack */
    STATUS_SCAN_BIT = 0x1000,
    STATUS_DEAD_EXTRA = 11, /* since 1.26: waits for a callback from C */
};

static const uint64_t goroutines_max = UINT64_C(1) << 28;

struct slot {
    address g;
    uint8_t *bytes, *again; /* g as read at first and at last */
    uint8_t piece[PIECE_BYTES];
    uint32_t piece_size;
    struct goroutine goroutine;
    address head; /* g._defer */
    address pc, lr;
    address waiting; /* g.waiting */
    bool readable, living, done;
    bool interrupted;   /* pc is from a thread's registers */
    struct cycle cycle; /* finds a list of sudogs that loops */
    struct slot_sudogs VECTOR_OF(struct sudog_copy) sudogs;
};

struct batch {
    struct gathering *gathering;
    struct slot *slots;
    size_t count;
    uint8_t *bytes;
    struct read_request *requests;
    uint8_t *sudog_bytes;
    size_t sudog_count; /* of all slots, in this attempt */
    size_t all_sudogs;  /* of all batches and attempts */
    size_t all_frames;
    struct unwound unwound;
};

static uint64_t field(const struct batch *batch, const uint8_t *bytes, int32_t offset)
{
    return offset == ABSENT
               ? 0
               : load_u64(bytes + offset - (int32_t)batch->gathering->runtime->offsets.g_from);
}

static uint32_t field_u32(const struct batch *batch, const uint8_t *bytes, int32_t offset)
{
    return load_u32(bytes + offset - (int32_t)batch->gathering->runtime->offsets.g_from);
}

/* A running goroutine of a core file or a frozen process: its thread's registers, unless the thread is on the runtime's own stack, where the
 * goroutine's frames begin at sched. */
static bool place_by_thread(const struct batch *batch, struct slot *slot)
{
    struct runtime *runtime = batch->gathering->runtime;
    struct goroutine *goroutine = &slot->goroutine;
    address m = field(batch, slot->bytes, runtime->offsets.g_m);
    struct thread_registers registers;
    uint64_t tid = 0;
    if (!m || !runtime->offsets.has_m || target_facts(runtime->target)->kind == TARGET_PROCESS)
        return false;
    struct error *error =
        target_u64(runtime->target, m + (uint64_t)runtime->offsets.m_procid, &tid);
    if (error_ignore(error) || !target_registers(runtime->target, (pid_t)tid, &registers))
        return false;
    if (registers.sp < goroutine->stack_low || registers.sp >= goroutine->stack_high)
        return true;
    goroutine->sp = registers.sp;
    slot->pc = registers.pc;
    slot->lr = registers.lr;
    slot->interrupted = true;
    return true;
}

/* Where its frames begin: in a system call at syscallsp, else at sched. */
static void decode_place(const struct batch *batch, struct slot *slot)
{
    const struct offsets *offsets = &batch->gathering->runtime->offsets;
    address syscallsp = field(batch, slot->bytes, offsets->g_syscallsp);
    struct goroutine *goroutine = &slot->goroutine;
    if (syscallsp) {
        goroutine->sp = syscallsp;
        slot->pc = field(batch, slot->bytes, offsets->g_syscallpc);
        slot->lr = 0;
    } else {
        goroutine->sp = field(batch, slot->bytes, offsets->g_sched_sp);
        slot->pc = field(batch, slot->bytes, offsets->g_sched_pc);
        slot->lr = field(batch, slot->bytes, offsets->g_sched_lr);
    }
    slot->interrupted = false;
    bool running = goroutine->state == GOROUTINE_RUNNING && !place_by_thread(batch, slot);
    bool outside = goroutine->sp % 8 || goroutine->sp < goroutine->stack_low ||
                   goroutine->sp >= goroutine->stack_high;
    if (outside || running || goroutine->state == GOROUTINE_COPYSTACK)
        goroutine->sp = 0;
}

static void decode(const struct batch *batch, struct slot *slot)
{
    struct runtime *runtime = batch->gathering->runtime;
    const struct offsets *offsets = &runtime->offsets;
    const uint8_t *bytes = slot->bytes;
    uint32_t status = field_u32(batch, bytes, offsets->g_status) & ~(uint32_t)STATUS_SCAN_BIT;
    slot->living =
        status != GOROUTINE_IDLE && status != GOROUTINE_DEAD && status != STATUS_DEAD_EXTRA;
    if (field(batch, bytes, offsets->g_sched_g) != slot->g || status > STATUS_DEAD_EXTRA) {
        slot->readable = false;
        return;
    }
    uint8_t reason = bytes[offsets->g_waitreason - (int32_t)offsets->g_from];
    bool waiting = status == GOROUTINE_WAITING || status == GOROUTINE_LEAKED;
    slot->goroutine = (struct goroutine){
        .at = slot->g,
        .id = field(batch, bytes, offsets->g_goid),
        .parent_id = field(batch, bytes, offsets->g_parent),
        .wait_since_ns = (int64_t)field(batch, bytes, offsets->g_waitsince),
        .go_pc = field(batch, bytes, offsets->g_gopc),
        .start_pc = field(batch, bytes, offsets->g_startpc),
        .labels = field(batch, bytes, offsets->g_labels),
        .stack_low = field(batch, bytes, offsets->g_stack_low),
        .stack_high = field(batch, bytes, offsets->g_stack_high),
        .stack = STACK_NONE,
        .state = (uint8_t)status,
        .wait_reason = waiting ? reason : 0,
        .wait_kind = waiting ? runtime->wait_kinds[reason] : WAIT_OTHER,
        .locked_to_thread = field(batch, bytes, offsets->g_lockedm) != 0,
    };
    slot->goroutine.system = owner_of(runtime, slot->goroutine.start_pc) != OWNER_USER;
    slot->head = field(batch, bytes, offsets->g_defer);
    slot->waiting = waiting ? field(batch, bytes, offsets->g_waiting) : 0;
    decode_place(batch, slot);
}

/* Reads all slots that are not done into `bytes` or `again`. */
static struct error *read_descriptors(struct batch *batch, bool again)
{
    const struct offsets *offsets = &batch->gathering->runtime->offsets;
    size_t wanted = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct slot *slot = &batch->slots[i];
        if (slot->done || (again && !slot->readable))
            continue;
        batch->requests[wanted++] = (struct read_request){.at = slot->g + offsets->g_from,
                                                          .size = offsets->g_size,
                                                          .to = again ? slot->again : slot->bytes};
        slot->readable = true;
    }
    TRY(target_read_many(batch->gathering->runtime->target, batch->requests, wanted));
    for (size_t i = 0; i < wanted; i++) {
        if (!batch->requests[i].failed)
            continue;
        size_t slot = (size_t)((uint8_t *)batch->requests[i].to - batch->bytes) /
                      (2 * (size_t)offsets->g_size);
        batch->slots[slot].readable = false;
    }
    return NULL;
}

static bool wants_stack(const struct batch *batch, const struct slot *slot)
{
    return slot->readable && slot->living && !slot->done && slot->goroutine.sp &&
           batch->gathering->depth >= OBSERVE_STACKS;
}

static struct error *read_pieces(struct batch *batch)
{
    size_t wanted = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct slot *slot = &batch->slots[i];
        slot->piece_size = 0;
        if (!wants_stack(batch, slot))
            continue;
        uint64_t left = slot->goroutine.stack_high - slot->goroutine.sp;
        slot->piece_size = left < PIECE_BYTES ? (uint32_t)left : PIECE_BYTES;
        batch->requests[wanted++] = (struct read_request){
            .at = slot->goroutine.sp, .size = slot->piece_size, .to = slot->piece};
    }
    return target_read_many(batch->gathering->runtime->target, batch->requests, wanted);
}

/* Follows the lists of sudogs one step further for all slots at once; *left_ret: how many go on. */
static struct error *read_sudog_round(struct batch *batch, size_t *left_ret)
{
    struct runtime *runtime = batch->gathering->runtime;
    uint32_t size = runtime->offsets.sudog_size;
    size_t wanted = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct slot *slot = &batch->slots[i];
        if (!slot->waiting || !wants_stack(batch, slot))
            continue;
        batch->requests[wanted++] = (struct read_request){
            .at = slot->waiting, .size = size, .to = batch->sudog_bytes + i * size};
    }
    *left_ret = wanted;
    TRY(target_read_many(runtime->target, batch->requests, wanted));
    for (size_t i = 0; i < wanted; i++) {
        const struct read_request *request = &batch->requests[i];
        struct slot *slot =
            &batch->slots[(size_t)((uint8_t *)request->to - batch->sudog_bytes) / size];
        struct sudog_copy sudog;
        sudog_decode(&runtime->offsets, request->at, request->to, &sudog);
        slot->waiting = 0;
        if (request->failed || sudog.g != slot->g || slot->sudogs.length >= SUDOGS_MAX)
            continue;
        if (cycle_closes(&slot->cycle, sudog.at) || ++batch->sudog_count > SUDOGS_OF_BATCH_MAX ||
            ++batch->all_sudogs > SUDOGS_OF_LOOK_MAX)
            continue;
        VECTOR_PUSH(&slot->sudogs, sudog);
        slot->waiting = sudog.waitlink;
    }
    return NULL;
}

static struct error *read_sudogs(struct batch *batch)
{
    size_t left = 0;
    for (size_t i = 0; i < batch->count; i++) {
        batch->slots[i].sudogs.length = 0;
        batch->slots[i].cycle = (struct cycle){0};
    }
    batch->sudog_count = 0;
    do {
        TRY(read_sudog_round(batch, &left));
    } while (left);
    return NULL;
}

/* The descriptor says the same as before the stack was read. */
static bool is_unchanged(const struct batch *batch, const struct slot *slot)
{
    const struct offsets *offsets = &batch->gathering->runtime->offsets;
    const int32_t words[] = {offsets->g_sched_sp,  offsets->g_sched_pc,  offsets->g_goid,
                             offsets->g_stack_low, offsets->g_syscallsp, offsets->g_waiting,
                             offsets->g_defer};
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        if (field(batch, slot->bytes, words[i]) != field(batch, slot->again, words[i]))
            return false;
    }
    uint32_t before = field_u32(batch, slot->bytes, offsets->g_status);
    uint32_t after = field_u32(batch, slot->again, offsets->g_status);
    return !((before ^ after) & ~(uint32_t)STATUS_SCAN_BIT);
}

static void add_stack(struct batch *batch, struct slot *slot)
{
    struct observation *observation = batch->gathering->observation;
    struct goroutine *goroutine = &slot->goroutine;
    struct unwind_start start = {.pc = slot->pc,
                                 .sp = goroutine->sp,
                                 .lr = slot->lr,
                                 .low = goroutine->stack_low,
                                 .high = goroutine->stack_high,
                                 .interrupted = slot->interrupted};
    struct stack_piece piece = {
        .start = goroutine->sp, .size = slot->piece_size, .bytes = slot->piece};
    unwind(batch->gathering->runtime, &start, &piece, &batch->unwound);
    batch->all_frames += batch->unwound.stack.depth;
    if (batch->unwound.stack.depth)
        goroutine->stack =
            stack_table_intern(observation->stacks, batch->unwound.pcs, &batch->unwound.stack);
    if (!batch->unwound.stack.complete)
        observation->unread.stacks++;
}

static void add(struct batch *batch, struct slot *slot, bool believed)
{
    struct gathering *gathering = batch->gathering;
    struct observation *observation = gathering->observation;
    bool with_stack = believed && slot->goroutine.sp && gathering->depth >= OBSERVE_STACKS &&
                      batch->all_frames < FRAMES_OF_LOOK_MAX;
    if (!with_stack && gathering->depth >= OBSERVE_STACKS) {
        observation->unread.stacks++;
        observation->unread.running += slot->goroutine.state == GOROUTINE_RUNNING;
    }
    if (with_stack)
        add_stack(batch, slot);
    if (with_stack &&
        owner_of(gathering->runtime, slot->goroutine.start_pc) == OWNER_RUNTIME_UNLESS_BUSY)
        slot->goroutine.system = !owner_runs_user_code(gathering->runtime, &batch->unwound);
    uint32_t index = (uint32_t)observation->goroutines.length;
    VECTOR_PUSH(&observation->goroutines, slot->goroutine);
    struct goroutine *goroutine = &observation->goroutines.at[index];
    goroutine->deferred =
        (uint32_t)defers_add(gathering->runtime, observation, gathering->defers, index, slot->head,
                             with_stack ? &batch->unwound : NULL);
    if (with_stack && goroutine->wait_kind != WAIT_OTHER) {
        struct stack_piece piece = {
            .start = goroutine->sp, .size = slot->piece_size, .bytes = slot->piece};
        struct sudog_list sudogs = {
            .at = slot->sudogs.at, .count = slot->sudogs.length, .empty = !slot->waiting};
        waits_add(gathering->runtime, observation, gathering->waits, goroutine, &sudogs, &piece);
    }
    observation->system += goroutine->system;
    observation->user += !goroutine->system;
}

/* A descriptor keeps a stack of the usual size (runtime/proc.go, gfput). */
static void add_dead(struct observation *observation, const struct goroutine *goroutine)
{
    observation->dead++;
    observation->dead_at = goroutine->at;
    if (goroutine->stack_high > goroutine->stack_low)
        observation->dead_stack_bytes += goroutine->stack_high - goroutine->stack_low;
}

/* Keeps who is settled; *left_ret: how many must be read again. */
static void settle(struct batch *batch, bool last_attempt, size_t *left_ret)
{
    *left_ret = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct slot *slot = &batch->slots[i];
        if (slot->done)
            continue;
        bool stable =
            !slot->readable || !slot->living || !slot->goroutine.sp || is_unchanged(batch, slot);
        if (!stable && !last_attempt) {
            ++*left_ret;
            continue;
        }
        slot->done = true;
        if (!slot->readable)
            batch->gathering->observation->unread.goroutines++;
        else if (!slot->living)
            add_dead(batch->gathering->observation, &slot->goroutine);
        else
            add(batch, slot, stable);
    }
}

static struct error *batch_read(struct batch *batch)
{
    size_t left = batch->count;
    for (unsigned attempt = 1; attempt <= ATTEMPTS && left; attempt++) {
        TRY(read_descriptors(batch, false));
        for (size_t i = 0; i < batch->count; i++) {
            if (!batch->slots[i].done && batch->slots[i].readable)
                decode(batch, &batch->slots[i]);
        }
        if (batch->gathering->depth >= OBSERVE_STACKS) {
            TRY(read_pieces(batch));
            TRY(read_sudogs(batch));
        }
        TRY(read_descriptors(batch, true));
        settle(batch, attempt == ATTEMPTS, &left);
    }
    return NULL;
}

static void batch_init(struct batch *batch, struct gathering *gathering)
{
    uint32_t g_size = gathering->runtime->offsets.g_size;
    *batch = (struct batch){.gathering = gathering};
    batch->slots = xcalloc(BATCH, sizeof(*batch->slots));
    batch->bytes = xmalloc((size_t)BATCH * 2 * g_size);
    batch->requests = xcalloc(BATCH, sizeof(*batch->requests));
    batch->sudog_bytes = xmalloc((size_t)BATCH * gathering->runtime->offsets.sudog_size);
    for (size_t i = 0; i < BATCH; i++) {
        batch->slots[i].bytes = batch->bytes + i * 2 * g_size;
        batch->slots[i].again = batch->slots[i].bytes + g_size;
    }
}

static void batch_deinit(struct batch *batch)
{
    for (size_t i = 0; i < BATCH; i++)
        VECTOR_DEINIT(&batch->slots[i].sudogs);
    free(batch->slots);
    free(batch->bytes);
    free(batch->requests);
    free(batch->sudog_bytes);
    unwound_deinit(&batch->unwound);
}

/* The next pointers of allgs become slots; duplicates of the neighbour and nil are senseless and counted. */
static void fill(struct batch *batch, const uint64_t *pointers, size_t count)
{
    batch->count = count;
    for (size_t i = 0; i < count; i++) {
        batch->slots[i].g = pointers[i];
        batch->slots[i].done = pointers[i] % 8 || !is_user_address(pointers[i]);
        batch->gathering->observation->unread.goroutines += batch->slots[i].done;
    }
}

static struct error *read_all(struct batch *batch, address array, uint64_t length)
{
    struct target *target = batch->gathering->runtime->target;
    AUTO_FREE uint64_t *pointers = xmalloc(BATCH * sizeof(*pointers));
    for (uint64_t i = 0; i < length; i += BATCH) {
        size_t count = length - i < BATCH ? length - i : BATCH;
        struct error *error =
            target_read(target, array + i * 8, pointers, count * sizeof(*pointers));
        if (error && error_code(error) != ERROR_FAULT)
            return error;
        if (error_ignore(error)) { /* the rest of the list is not there */
            batch->gathering->observation->unread.goroutines += length - i;
            return NULL;
        }
        fill(batch, pointers, count);
        TRY(batch_read(batch));
    }
    return NULL;
}

struct error *goroutines_read(struct gathering *gathering)
{
    uint64_t header[2];
    TRY(target_read(gathering->runtime->target, gathering->runtime->globals.allgs, header,
                    sizeof(header)));
    if (header[1] > goroutines_max)
        return error_create(ERROR_LIMIT, "the program says that it has %llu goroutines",
                            (unsigned long long)header[1]);
    struct batch batch;
    batch_init(&batch, gathering);
    struct error *error = read_all(&batch, header[0], header[1]);
    batch_deinit(&batch);
    return error;
}

#include "heap/roots.h"

#include <string.h>

#include "base/text.h"
#include "code/dead_registers.h"

enum {
    SYSTEM_STACK_MAX = 256 << 10, /* of a thread's own stack, at most so much above sp */
};

/* Where a thread is. */
struct position {
    address pc;
    bool is_go;       /* else the rest is nothing */
    const char *name; /* of the function */
    struct func func;
};

struct thread {
    struct thread_registers registers;
    struct position position;
    address m;
};

static struct position position_of(struct heap *heap, address pc)
{
    const struct pclntab *table = &heap->runtime->program->pclntab;
    struct position position = {.pc = pc, .name = ""};
    position.is_go = pclntab_func(table, pc, &position.func);
    if (position.is_go)
        position.name = func_name(table, &position.func);
    return position;
}

static bool word_at(struct heap *heap, address at, int32_t offset, uint64_t *word_ret)
{
    if (offset == ABSENT)
        return false;
    struct error *error = target_u64(heap->target, at + (uint64_t)offset, word_ret);
    return !error_ignore(error);
}

/* The stack of one of the thread's goroutines (g0, gsignal) from sp on, if it runs there. `whole`: even if it does not. */
static void take_stack_of(struct stack_scanner *scanner, const struct thread *thread, int32_t which,
                          bool whole)
{
    struct heap *heap = scanner->marker->heap;
    const struct offsets *offsets = &heap->runtime->offsets;
    uint64_t g = 0, low = 0, high = 0;
    if (!word_at(heap, thread->m, which, &g) || !word_at(heap, g, offsets->g_stack_low, &low) ||
        !word_at(heap, g, offsets->g_stack_high, &high) || low >= high)
        return;
    address sp = thread->registers.sp;
    bool runs_here = sp >= low && sp < high;
    if (!runs_here && !whole)
        return;
    address from = runs_here ? sp : low;
    if (!runs_here && high - from > SYSTEM_STACK_MAX)
        from = high - SYSTEM_STACK_MAX;
    stack_words_roots(scanner, from,
                      high - from > SYSTEM_STACK_MAX ? from + SYSTEM_STACK_MAX : high);
}

/* Of compiled code that is not the runtime's: what the code ahead does not use, a bit for each general register in the kernel's order, and for each vector register. */
struct unused {
    uint32_t general, vector;
};

static struct unused unused_registers(struct heap *heap, struct decoder *decoder,
                                      const struct position *position)
{
    static const struct {
        uint8_t general, number;                 /* in user_regs_struct; in Go's order */
    } registers[] = {{0, 13}, {2, 11}, {3, 10}}; /* r15, r13, r12 */
    if (!position->is_go)
        return (struct unused){0};
    uint32_t dead = dead_registers(heap->target, heap->runtime->program, decoder, &position->func,
                                   position->pc);
    struct unused unused = {.vector = dead >> DEAD_VECTOR};
    for (size_t i = 0; i < LENGTH_OF(registers); i++)
        unused.general |= (dead >> registers[i].number & 1) << registers[i].general;
    return unused;
}

/* What a vector register of the thread may be the only place of. */
enum vectors {
    VECTORS_NUMBERS,  /* nothing but numbers */
    VECTORS_POINTERS, /* pointers that are just being moved */
    VECTORS_UNKNOWN,  /* code that is no Go */
};

/* Compiled code copies a few words at once through them, and swaps so; the runtime's memmove holds the ends of what it moves in them: if a process moves a slice by one,
 * a pointer may be nowhere else for as long as that takes. Other assembly does not move pointers, and is called with numbers in them at most. */
static enum vectors vectors_at(const struct position *position)
{
    if (!position->is_go)
        return VECTORS_UNKNOWN;
    bool moves = !(position->func.flags & FUNC_ASM) || !strcmp(position->name, "runtime.memmove");
    return moves ? VECTORS_POINTERS : VECTORS_NUMBERS;
}

/* The runtime's own system calls that are given no address of an object but of what is on its stack. As any function that Go calls may change every register, their callers have
 * on the stack what they still need: what else is in registers is left from before. */
static bool has_no_registers(const struct position *position)
{
    static const char *const calls[] = {"runtime.futex",   "runtime.usleep",  "runtime.write1",
                                        "runtime.osyield", "runtime.madvise", "runtime.tgkill"};
    return position->is_go && position->func.flags & FUNC_ASM &&
           text_is_one_of(position->name, calls, LENGTH_OF(calls));
}

static void take_word(struct marker *marker, bool plain, uint64_t word)
{
    if (plain)
        marker_reach_guess(marker, word);
    else
        marker_reach_perhaps(marker, word);
}

static void take_vectors(struct marker *marker, const struct thread_registers *registers,
                         bool plain, uint32_t unused)
{
    enum {
        WORDS = 4 /* of a register of amd64; on arm64 none is known to be unused */
    };
    for (unsigned i = 0; i < VECTOR_WORDS; i++) {
        if (!(unused >> i / WORDS & 1))
            take_word(marker, plain, registers->vector[i]);
    }
    for (unsigned i = 0; i < registers->other_count; i++)
        take_word(marker, plain, registers->other[i]);
}

/* Where other code than the runtime's runs, registers still hold what the scheduler left there, such as whom it has put to sleep last: that wakes nobody. */
static void take_registers(struct marker *marker, struct decoder *decoder,
                           const struct thread *thread, bool plain)
{
    const struct thread_registers *registers = &thread->registers;
    struct unused unused = {0};
    if (has_no_registers(&thread->position))
        return;
    if (plain)
        unused = unused_registers(marker->heap, decoder, &thread->position);
    for (unsigned i = 0; i < registers->general_count; i++) {
        if (!(unused.general >> i & 1))
            take_word(marker, plain, registers->general[i]);
    }
    if (vectors_at(&thread->position) != VECTORS_NUMBERS)
        take_vectors(marker, registers, plain, unused.vector);
}

/* In a signal handler the interrupted registers stand on its stack, and what was interrupted may have been on the system stack. */
static void take_thread(struct stack_scanner *scanner, struct decoder *decoder,
                        const struct thread *thread)
{
    struct heap *heap = scanner->marker->heap;
    const struct offsets *offsets = &heap->runtime->offsets;
    uint64_t signal_g = 0, low = 0, high = 0;
    bool in_signal = word_at(heap, thread->m, offsets->m_gsignal, &signal_g) && signal_g &&
                     word_at(heap, signal_g, offsets->g_stack_low, &low) &&
                     word_at(heap, signal_g, offsets->g_stack_high, &high) &&
                     thread->registers.sp >= low && thread->registers.sp < high;
    bool plain = frame_maps_is_plain(&scanner->maps, thread->registers.pc);
    take_registers(scanner->marker, decoder, thread, plain);
    take_stack_of(scanner, thread, offsets->m_g0, in_signal);
    take_stack_of(scanner, thread, offsets->m_gsignal, false);
}

struct error *thread_roots(struct stack_scanner *scanner)
{
    struct heap *heap = scanner->marker->heap;
    const struct offsets *offsets = &heap->runtime->offsets;
    struct decoder *decoder = NULL;
    struct processors processors;
    struct error *error = decoder_create(heap->runtime->program->arch, &decoder);
    processors_find(heap, &processors);
    if (!processors.length && !error)
        error = error_create(ERROR_UNSUPPORTED,
                             "the scheduler's list of Ps (runtime.allp) was not found");
    for (size_t i = 0; i < processors.length && !error; i++) {
        struct thread thread = {0};
        uint64_t tid = 0;
        if (!word_at(heap, processors.at[i], offsets->p_m, &thread.m) || !thread.m)
            continue;
        bool known = word_at(heap, thread.m, offsets->m_procid, &tid) &&
                     target_registers(heap->target, (pid_t)tid, &thread.registers);
        thread.position = position_of(heap, thread.registers.pc);
        if (known && !thread.registers.vector_known &&
            vectors_at(&thread.position) == VECTORS_POINTERS)
            error =
                error_create(ERROR_UNSUPPORTED,
                             "the vector registers of a thread that runs Go code are not known");
        else if (known)
            take_thread(scanner, decoder, &thread);
        else
            error = error_create(ERROR_UNSUPPORTED,
                                 "the registers of a thread that runs Go code are not known");
    }
    decoder_destroy(decoder);
    VECTOR_DEINIT(&processors);
    return error;
}

void tiny_roots(struct marker *marker)
{
    struct heap *heap = marker->heap;
    const struct offsets *offsets = &heap->runtime->offsets;
    struct processors processors;
    processors_find(heap, &processors);
    for (size_t i = 0; i < processors.length; i++) {
        uint64_t cache = 0, tiny = 0;
        if (word_at(heap, processors.at[i], offsets->p_mcache, &cache) && cache &&
            word_at(heap, cache, offsets->mcache_tiny, &tiny) && tiny)
            marker_reach(marker, tiny);
    }
    VECTOR_DEINIT(&processors);
}

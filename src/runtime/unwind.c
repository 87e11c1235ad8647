/* A goroutine's frames follow from three things: its saved pc and sp (g.sched, or g.syscallsp in a system call), the frame
 * size that pclntab gives for each pc, and the return address that stands at the frame's end. Frame pointers are not
 * needed. Layout, unchanged from 1.18 to 1.27:
 *
 *   amd64   caller's sp = sp + delta + 8; return address in the word below it
 *   arm64   caller's sp = sp + delta; return address at sp, but for a leaf it is in lr
 *
 * What pclntab says of a pc is the same for all goroutines and kept in a table: a walk over a known pc costs one
 * look-up and one word of the stack. */
#include "runtime/unwind.h"

#include <string.h>

#include "base/cursor.h"

enum {
    DEPTH_MAX = 1 << 24,
    OPEN_CODED_MAX = 1 << 20
};

static int32_t defer_bits_of(const struct pclntab *table, const struct func *func)
{
    struct bytes blob = func_funcdata_bytes(table, func, FUNCDATA_OPEN_CODED_DEFER_INFO);
    uint64_t distance = 0;
    if (!blob.size)
        return 0;
    struct cursor cursor = cursor_over(blob.at, blob.size, "open-coded defers");
    struct error *error = cursor_uvarint(&cursor, &distance);
    return error_ignore(error) || distance > INT32_MAX ? 0 : (int32_t)distance;
}

static struct pc_facts find_facts(struct runtime *runtime, address pc)
{
    const struct pclntab *table = &runtime->program->pclntab;
    struct pc_facts facts = {0};
    struct func func;
    if (!pclntab_func(table, pc, &func))
        return facts;
    facts.entry = func.entry;
    facts.func_index = func.index;
    facts.deferreturn = func.deferreturn;
    facts.ends = func.flags & FUNC_TOP_FRAME;
    /* cgocallback switches stacks, but keeps a frame on both that can be walked through (runtime/traceback.go). */
    facts.stops =
        func.flags & FUNC_SP_WRITE && strcmp(func_name(table, &func), "runtime.cgocallback") != 0;
    for (size_t i = 0; i < LENGTH_OF(runtime->system_frames); i++)
        facts.injected = facts.injected ||
                         (runtime->system_frames[i] && runtime->system_frames[i] == func.entry);
    facts.faults = facts.injected && !strcmp(func_name(table, &func), "runtime.sigpanic");
    facts.known = func_sp_delta(table, &func, pc, &facts.sp_delta) && facts.sp_delta >= 0;
    facts.defer_bits = defer_bits_of(table, &func);
    return facts;
}

const struct pc_facts *pc_facts_of(struct runtime *runtime, address pc)
{
    bool is_new = false;
    uint32_t index =
        u64map_intern(&runtime->pc_index, pc, (uint32_t)runtime->pc_facts.length, &is_new);
    if (is_new) {
        struct pc_facts facts = find_facts(runtime, pc);
        VECTOR_PUSH(&runtime->pc_facts, facts);
    }
    return &runtime->pc_facts.at[index];
}

bool stack_word(struct runtime *runtime, const struct stack_piece *piece, address at,
                uint64_t *value_ret)
{
    if (at >= piece->start && bytes_u64(piece->bytes, piece->size, at - piece->start, value_ret))
        return true;
    struct error *error = target_u64(runtime->target, at, value_ret);
    return !error_ignore(error);
}

/* The caller's sp, checked against the stack's bounds. */
static bool frame_end(struct runtime *runtime, const struct unwind_start *start,
                      struct frame *frame)
{
    address fp = frame->sp + (uint64_t)frame->facts->sp_delta;
    if (runtime->program->arch == ARCH_AMD64)
        fp += 8;
    frame->fp = fp;
    return frame->sp >= start->low && fp >= frame->sp && fp <= start->high;
}

static bool return_address(struct runtime *runtime, const struct stack_piece *piece,
                           const struct frame *frame, uint64_t *pc_ret)
{
    if (runtime->program->arch == ARCH_AMD64)
        return stack_word(runtime, piece, frame->fp - 8, pc_ret);
    if (frame->sp == frame->fp) { /* a leaf without a frame */
        *pc_ret = frame->lr;
        return frame->lr;
    }
    return stack_word(runtime, piece, frame->sp, pc_ret);
}

/* Past a call that a signal put in: on arm64 the handler pushed 16 bytes with the interrupted lr. */
static bool past_injected_call(struct runtime *runtime, const struct stack_piece *piece,
                               struct frame *frame)
{
    frame->exact = true;
    frame->lr = 0;
    if (runtime->program->arch != ARCH_ARM64)
        return true;
    uint64_t lr = 0;
    if (!stack_word(runtime, piece, frame->sp, &lr))
        return false;
    frame->sp += 16;
    frame->lr = lr;
    return true;
}

static void keep_pc(struct unwound *unwound, const struct frame *frame)
{
    bool exact = frame->exact || frame->pc == frame->facts->entry;
    address pc = exact ? frame->pc | STACK_PC_EXACT : frame->pc;
    struct stack *stack = &unwound->stack;
    uint32_t at = stack->depth++;
    if (at >= STACK_INNER_MAX + STACK_OUTER_MAX) /* the outer part is a ring until the walk ends */
        at = STACK_INNER_MAX + (at - STACK_INNER_MAX) % STACK_OUTER_MAX;
    unwound->pcs[at] = pc;
}

static void unroll_ring(struct unwound *unwound)
{
    struct stack *stack = &unwound->stack;
    if (stack->depth <= STACK_INNER_MAX + STACK_OUTER_MAX) {
        stack->kept = (uint16_t)stack->depth;
        return;
    }
    address ring[STACK_OUTER_MAX];
    uint32_t first = (stack->depth - STACK_INNER_MAX) % STACK_OUTER_MAX;
    for (uint32_t i = 0; i < STACK_OUTER_MAX; i++)
        ring[i] = unwound->pcs[STACK_INNER_MAX + (first + i) % STACK_OUTER_MAX];
    memcpy(unwound->pcs + STACK_INNER_MAX, ring, sizeof(ring));
    stack->kept = STACK_INNER_MAX + STACK_OUTER_MAX;
}

address frame_locals_end(const struct runtime *runtime, const struct frame *frame)
{
    address varp = runtime->program->arch == ARCH_AMD64 ? frame->fp - 8 : frame->fp;
    return varp > frame->sp ? varp - 8 : varp;
}

static void note_open_coded(struct runtime *runtime, const struct stack_piece *piece,
                            const struct frame *frame, struct unwound *unwound)
{
    if (!frame->facts->defer_bits || unwound->open_coded.length >= OPEN_CODED_MAX)
        return;
    address varp = frame_locals_end(runtime, frame);
    address at = varp - (uint64_t)frame->facts->defer_bits;
    uint64_t word = 0;
    if (at < frame->sp || at >= varp || !stack_word(runtime, piece, at & ~UINT64_C(7), &word))
        return;
    uint8_t bits = (uint8_t)(word >> (at % 8 * 8));
    if (bits)
        VECTOR_PUSH(&unwound->open_coded,
                    (struct open_coded_frame){
                        .facts = *frame->facts, .pc = frame->pc, .varp = varp, .defer_bits = bits});
}

/* On to the caller; false where that is not known. */
static bool leave(struct frame_walk *walk, struct frame *frame)
{
    bool injected = frame->facts->injected, faults = frame->facts->faults;
    uint64_t pc = 0;
    if (!return_address(walk->runtime, walk->piece, frame, &pc) ||
        (frame->fp == frame->sp && pc == frame->pc))
        return false;
    frame->pc = pc;
    frame->sp = frame->fp;
    frame->exact = frame->interrupted = frame->faulted = false;
    frame->lr = 0;
    if (!injected)
        return true;
    frame->interrupted = !faults;
    frame->faulted = faults;
    return past_injected_call(walk->runtime, walk->piece, frame);
}

void frame_walk_begin(struct frame_walk *walk, struct runtime *runtime,
                      const struct unwind_start *start, const struct stack_piece *piece)
{
    *walk = (struct frame_walk){.runtime = runtime, .start = start, .piece = piece};
    walk->frame = (struct frame){.pc = start->pc,
                                 .sp = start->sp,
                                 .lr = start->lr,
                                 .exact = start->interrupted,
                                 .interrupted = start->interrupted};
}

bool frame_walk_next(struct frame_walk *walk, struct frame *frame_ret)
{
    struct frame *frame = &walk->frame;
    if (walk->ended || walk->depth >= DEPTH_MAX)
        return false;
    walk->ended = walk->depth && !leave(walk, frame);
    if (walk->ended)
        return false;
    frame->facts = pc_facts_of(walk->runtime, frame->pc);
    walk->ended = true;
    if (!frame->facts->entry)
        return false;
    walk->complete = frame->facts->ends;
    if (walk->complete) {
        frame->fp = frame->sp;
    } else {
        if (!frame->facts->known || (frame->facts->stops && walk->depth) ||
            !frame_end(walk->runtime, walk->start, frame))
            return false;
        walk->ended = false;
    }
    walk->depth++;
    *frame_ret = *frame;
    return true;
}

void unwind(struct runtime *runtime, const struct unwind_start *start,
            const struct stack_piece *piece, struct unwound *unwound)
{
    struct frame_walk walk;
    struct frame frame;
    unwound->stack = (struct stack){0};
    unwound->open_coded.length = 0;
    frame_walk_begin(&walk, runtime, start, piece);
    while (frame_walk_next(&walk, &frame)) {
        keep_pc(unwound, &frame);
        if (!walk.complete)
            note_open_coded(runtime, piece, &frame, unwound);
    }
    unwound->stack.complete = walk.complete;
    unroll_ring(unwound);
}

void unwound_deinit(struct unwound *unwound)
{
    VECTOR_DEINIT(&unwound->open_coded);
}

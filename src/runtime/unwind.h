/* Walking a goroutine's stack by the program's own frame-size tables (runtime/traceback.go, Go 1.18 to 1.27). */
#ifndef SEEP_RUNTIME_UNWIND_H
#define SEEP_RUNTIME_UNWIND_H

#include "runtime/internal.h"

/* Where a walk begins, and the stack's bounds: every frame must lie within them. */
struct unwind_start {
    address pc, sp, lr; /* lr: arm64 only */
    address low, high;
    bool
        interrupted; /* pc is the very instruction (registers of a stopped thread); false: a call's return address */
};

/* A piece of the target's stack that was read before; the walk reads on by itself behind it. */
struct stack_piece {
    address start;
    size_t size;
    const uint8_t *bytes;
};

/* One frame with open-coded defers: where its locals end (varp) and its facts. */
struct open_coded_frame {
    struct pc_facts facts;
    address pc, varp;
    uint8_t defer_bits;
};

struct unwound {
    struct stack stack; /* kept, depth, complete */
    address pcs[STACK_INNER_MAX + STACK_OUTER_MAX];
    struct open_coded_frames
        VECTOR_OF(struct open_coded_frame) open_coded; /* pending ones; bounded */
};

/* Walks; an unreadable or senseless frame ends the walk with complete = false. `unwound` may be used again. */
void unwind(struct runtime *runtime, const struct unwind_start *start,
            const struct stack_piece *piece, struct unwound *unwound);
void unwound_deinit(struct unwound *unwound);

/* Frame by frame, for who wants more than the pcs. */
struct frame {
    address pc, sp, fp, lr; /* fp: the caller's sp */
    bool exact;             /* pc is the very instruction, not a return address */
    bool interrupted;       /* a signal may have stopped it anywhere: no stack map holds */
    bool
        faulted; /* it panicked at pc by a signal and goes on, if at all, with its deferred calls */
    const struct pc_facts *facts; /* good until the next frame */
};

struct frame_walk {
    struct runtime *runtime;
    const struct unwind_start *start;
    const struct stack_piece *piece;
    struct frame frame; /* the next one */
    uint32_t depth;     /* frames given so far */
    bool complete, ended;
};

void frame_walk_begin(struct frame_walk *walk, struct runtime *runtime,
                      const struct unwind_start *start, const struct stack_piece *piece);

/* False behind the last frame: then `complete` tells whether that was the outermost one. */
bool frame_walk_next(struct frame_walk *walk, struct frame *frame_ret);

/* Where the frame's locals end: below the return address and, if there is a frame, the saved frame pointer. */
address frame_locals_end(const struct runtime *runtime, const struct frame *frame);

/* Facts of a code address; owned by runtime, good until the next call. */
const struct pc_facts *pc_facts_of(struct runtime *runtime, address pc);

/* A word of the stack, from the piece or the target; false if unreadable. */
bool stack_word(struct runtime *runtime, const struct stack_piece *piece, address at,
                uint64_t *value_ret);

#endif

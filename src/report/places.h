/* Where things are in the source, and how people are shown it: frames of a stack, the frame that the user wrote, shorter names. */
#ifndef SEEP_REPORT_PLACES_H
#define SEEP_REPORT_PLACES_H

#include "find/finding.h"

/* All source frames of a kept stack, innermost first, raw names borrowed from the program. The caller frees the array with
 * VECTOR_DEINIT. `pcs` beside it: the pc of each one's physical frame (a return address but for the innermost). */
struct placed_frame {
    struct source_frame source;
    address pc;
    bool gap_before; /* frames between this one and the one before it were left out */
};

struct placed_frames VECTOR_OF(struct placed_frame);

void frames_of_stack(const struct program *program, const struct stack_table *table, uint32_t stack,
                     struct placed_frames *frames_ret);

/* A wrapper that the compiler made and that Go's dumps leave out: all but those that call a panic function (elideWrapperCalling in
 * runtime/traceback.go). `callee`: the function that it called, NULL for the innermost. */
bool is_elided_wrapper(const struct source_frame *frame, const char *callee);

/* Drops these; what is left is what a person wrote, and the runtime's. */
void frames_drop_wrappers(struct placed_frames *frames);

/* The frame that says most about a stack: the innermost one of the program's own code or its dependencies; if all are Go's standard
 * library, the outermost of these. Copies; function NULL if there is none. */
struct place user_place(const struct program *program, const struct placed_frames *frames);

/* The frame is of Go's standard library, the runtime included: not what the user wrote. */
bool is_standard_function(const struct program *program, const char *function);

/* A file for people: the last two parts of its path. Borrows from the path. */
const char *short_file(const char *file, bool in_full);

/* A function for people: the import path of a long name cut down to its last part. Borrows. */
const char *short_function(const char *function, bool in_full);

/* "poll.go:31" into a buffer of PLACE_ROOM, returned; "" if the file is unknown. */
enum {
    PLACE_ROOM = 512
};
const char *place_line(char buffer[PLACE_ROOM], const struct place *place, bool in_full);

/* The name of the release, of whatever source there is; NULL if none. The caller frees. */
char *release_name(struct buildinfo *info, const char *build_id, const char **source_ret);

#endif

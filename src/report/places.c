/* Which frame speaks to a person: the one they wrote. Go's standard library is told by its import path, whose first part has no dot
 * and is not the module of the program itself; "main" is always the user's. */
#include "report/places.h"

#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "base/text.h"

enum {
    FUNCTION_CELLS_LONG = 40,
    RELEASE_LENGTH = 12
};

void frames_of_stack(const struct program *program, const struct stack_table *table, uint32_t stack,
                     struct placed_frames *frames_ret)
{
    struct placed_frames frames = {0};
    const struct stack *kept = stack < table->stacks.length ? &table->stacks.at[stack] : NULL;
    for (uint32_t i = 0; kept && i < kept->kept; i++) {
        struct source_frame found[PCLNTAB_INLINE_MAX];
        address lookup = stack_lookup_pc(table, kept, i);
        size_t count = pclntab_frames(&program->pclntab, lookup, found, LENGTH_OF(found));
        if (!count) {
            found[0] = (struct source_frame){.function = "?"};
            count = 1;
        }
        for (size_t n = 0; n < count; n++)
            VECTOR_PUSH(&frames, (struct placed_frame){.source = found[n],
                                                       .pc = stack_pc(table, kept, i),
                                                       .gap_before = !n && i == STACK_INNER_MAX &&
                                                                     kept->depth > kept->kept});
    }
    *frames_ret = frames;
}

bool is_elided_wrapper(const struct source_frame *frame, const char *callee)
{
    static const char *const panics[] = {"runtime.gopanic", "runtime.sigpanic",
                                         "runtime.panicwrap"};
    for (size_t i = 0; callee && i < LENGTH_OF(panics); i++) {
        if (!strcmp(callee, panics[i]))
            return false;
    }
    return frame->wrapper;
}

void frames_drop_wrappers(struct placed_frames *frames)
{
    const char *callee = NULL;
    bool gap = false;
    size_t kept = 0;
    for (size_t i = 0; i < frames->length; i++) {
        struct placed_frame frame = frames->at[i];
        frame.gap_before = gap = gap || frame.gap_before;
        if (!is_elided_wrapper(&frame.source, callee)) {
            frames->at[kept++] = frame;
            gap = false;
        }
        callee = frame.source.function;
    }
    frames->length = kept;
}

/* Bytes of the import path in a function's name: "net/http" of "net/http.(*conn).serve". */
static size_t package_length(const char *function)
{
    size_t end = strcspn(function, "[(");
    size_t slash = end;
    while (slash > 0 && function[slash - 1] != '/')
        slash--;
    const char *dot = memchr(function + slash, '.', end - slash);
    return dot ? (size_t)(dot - function) : end;
}

static bool is_below(const char *function, const char *path)
{
    size_t length = path ? strlen(path) : 0;
    return length && !strncmp(function, path, length) &&
           (function[length] == '/' || function[length] == '.');
}

bool is_standard_function(const struct program *program, const char *function)
{
    size_t package = package_length(function);
    size_t first = strcspn(function, "/");
    if (first > package)
        first = package;
    bool is_main = package == 4 && !strncmp(function, "main", 4);
    return !is_main && !memchr(function, '.', first) &&
           !is_below(function, program->info.main_module) &&
           !is_below(function, program->info.main_path);
}

static bool is_runtime(const char *function)
{
    return !strncmp(function, "runtime.", 8) || !strcmp(function, "?");
}

struct place user_place(const struct program *program, const struct placed_frames *frames)
{
    const struct source_frame *chosen = NULL;
    for (size_t i = 0; i < frames->length; i++) {
        const struct source_frame *frame = &frames->at[i].source;
        if (frame->wrapper)
            continue;
        bool standard = is_standard_function(program, frame->function);
        bool better = !is_runtime(frame->function) || !chosen;
        if (!standard || better)
            chosen = frame;
        if (!standard)
            break;
    }
    if (!chosen)
        return (struct place){0};
    return (struct place){.function = function_shown(chosen->function),
                          .file = chosen->file ? text_escaped(chosen->file, strlen(chosen->file))
                                               : NULL,
                          .line = chosen->line};
}

const char *short_file(const char *file, bool in_full)
{
    const char *cut = in_full ? NULL : strrchr(file, '/');
    while (cut && cut > file && cut[-1] != '/')
        cut--;
    return cut ? cut : file;
}

const char *short_function(const char *function, bool in_full)
{
    if (in_full || strlen(function) <= FUNCTION_CELLS_LONG)
        return function;
    size_t slash = package_length(function);
    while (slash > 0 && function[slash - 1] != '/')
        slash--;
    return function + slash;
}

const char *place_line(char buffer[PLACE_ROOM], const struct place *place, bool in_full)
{
    buffer[0] = '\0';
    if (place->file && place->line > 0)
        snprintf(buffer, PLACE_ROOM, "%s:%d", short_file(place->file, in_full), (int)place->line);
    else if (place->file)
        snprintf(buffer, PLACE_ROOM, "%s", short_file(place->file, in_full));
    return buffer;
}

/* GNU's build id is a hash; Go's has four parts, of which the last one is the hash of the program. */
static char *short_build_id(const char *build_id)
{
    const char *slash = strrchr(build_id, '/');
    return xstrndup(slash ? slash + 1 : build_id, RELEASE_LENGTH);
}

char *release_name(struct buildinfo *info, const char *build_id, const char **source_ret)
{
    *source_ret = NULL;
    const char *name = buildinfo_release(info, source_ret);
    if (name)
        return xstrdup(name);
    if (!build_id || !*build_id)
        return NULL;
    *source_ret = "build-id";
    return short_build_id(build_id);
}

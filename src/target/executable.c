/* An executable by itself: no process, no core. Its memory is what it would be right before its
 * first instruction, at its linked addresses: segments from the file, relocated; zeros behind
 * them. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "target/internal.h"
#include "target/relocations.h"

struct executable {
    struct target target; /* first */
    struct relocations VECTOR_OF(struct relocated) writable;
};

static void executable_destroy(struct target *target)
{
    struct executable *executable = (struct executable *)target;
    for (size_t i = 0; i < executable->writable.length; i++)
        free(executable->writable.at[i].copy);
    VECTOR_DEINIT(&executable->writable);
    target_deinit(target);
    free(executable);
}

/* Reads within one writable segment; target.c has served the others. */
static struct error *executable_read(struct target *target, address at, void *to, size_t size)
{
    const struct executable *executable = (const struct executable *)target;
    for (size_t i = 0; i < executable->writable.length; i++) {
        const struct relocated *segment = &executable->writable.at[i];
        if (at < segment->start || at - segment->start >= segment->memory_size ||
            size > segment->memory_size - (at - segment->start))
            continue;
        uint64_t offset = at - segment->start;
        size_t held = offset >= segment->size         ? 0
                      : segment->size - offset < size ? segment->size - offset
                                                      : size;
        if (held)
            memcpy(to, segment->bytes + offset, held);
        memset((uint8_t *)to + held, 0, size - held);
        return NULL;
    }
    return target_fault(at, size);
}

static struct error *executable_read_many(struct target *target, struct read_request *requests,
                                          size_t count)
{
    return requests_read_each(target, executable_read, requests, count);
}

static struct error *executable_measure(struct target *target)
{
    (void)target;
    return NULL;
}

static struct error *executable_resident(struct target *target, address start, uint64_t size,
                                         uint64_t *resident_ret)
{
    (void)target, (void)start, (void)size;
    *resident_ret = 0;
    return NULL;
}

static const struct target_operations operations = {
    .read = executable_read,
    .read_many = executable_read_many,
    .measure = executable_measure,
    .resident = executable_resident,
    .destroy = executable_destroy,
};

static void list_segments(struct executable *executable, const struct elffile *file)
{
    for (size_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segments[i];
        if (segment->type != PT_LOAD || !segment->memory_size)
            continue;
        VECTOR_PUSH(&executable->target.mappings,
                    (struct mapping){.start = segment->address,
                                     .end = segment->address + segment->memory_size,
                                     .file_offset = segment->offset,
                                     .readable = segment->flags & PF_R,
                                     .writable = segment->flags & PF_W,
                                     .executable = segment->flags & PF_X,
                                     .path = xstrdup(""),
                                     .is_file = true});
        if (segment->flags & PF_W)
            VECTOR_PUSH(&executable->writable,
                        (struct relocated){
                            .start = segment->address,
                            .size = segment->present_size,
                            .memory_size = segment->memory_size,
                            .bytes = segment->present_size ? file->bytes + segment->offset : NULL});
    }
    mappings_sort(&executable->target.mappings);
}

/* What is missing at the end may be what a statement rests on. */
static struct error *check_whole(const struct elffile *file)
{
    for (size_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segments[i];
        bool whole =
            segment->offset <= file->size && segment->file_size <= file->size - segment->offset;
        if (segment->type == PT_LOAD && !whole)
            return error_create(ERROR_BAD_DATA, "%s is cut off: it ends within a segment",
                                file->path);
    }
    return NULL;
}

static struct error *open_steps(struct executable *executable, struct elffile *file)
{
    target_set_executable(&executable->target, file, 0);
    const char *slash = strrchr(file->path, '/');
    executable->target.facts = (struct target_facts){
        .kind = TARGET_EXECUTABLE,
        .name = xstrdup(slash ? slash + 1 : file->path),
        .exe_path = xstrdup(file->path),
        .uptime_s = -1,
        .started_unix = -1,
    };
    if (file->type == ET_CORE)
        return error_create(ERROR_BAD_DATA,
                            "%s is a core file, not a program: `seep inspect` reads it",
                            file->path);
    if (file->type != ET_EXEC && file->type != ET_DYN)
        return error_create(ERROR_BAD_DATA, "%s is an object file, not a linked program",
                            file->path);
    TRY(check_whole(file));
    list_segments(executable, file);
    if (file->type == ET_DYN)
        TRY(relocations_apply(file, executable->writable.at, executable->writable.length));
    return NULL;
}

static struct error *open_file(struct elffile *file, struct target **target_ret)
{
    struct executable *executable = xcalloc(1, sizeof(*executable));
    executable->target.operations = &operations;
    struct error *error = open_steps(executable, file);
    if (error) {
        executable_destroy(&executable->target);
        return error;
    }
    *target_ret = &executable->target;
    return NULL;
}

struct error *target_open_executable(const char *path, struct target **target_ret)
{
    struct elffile *file = NULL;
    TRY(elffile_open(path, NULL, &file));
    return open_file(file, target_ret);
}

struct error *target_open_executable_bytes(const uint8_t *bytes, size_t size, const char *shown,
                                           struct target **target_ret)
{
    struct elffile *file = NULL;
    TRY(elffile_open_bytes(bytes, size, shown, &file));
    return open_file(file, target_ret);
}

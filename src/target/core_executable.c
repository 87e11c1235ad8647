/* Which program a core file belongs to. The core names it (NT_FILE, at the entry point; AT_EXECFN),
 * but the file may have moved or been replaced since. So a candidate is held against the core: the
 * entry point must fit, and where the core holds the page with the ELF header, which also has the
 * build id's note and changes with every build, that page must be the same. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "target/core.h"

enum {
    PATH_LENGTH_MAX = 4096
};

/* Without notes (gcore writes them at the end, which may be cut off): the mapping that starts with
 * the file's first page. */
static bool find_bias_by_content(const struct core *core, const struct elffile *file,
                                 uint64_t *bias_ret)
{
    for (size_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segments[i];
        if (segment->type != PT_LOAD || segment->offset != 0 || segment->present_size < TARGET_PAGE)
            continue;
        for (size_t j = 0; j < core->loads.length; j++) {
            const struct core_load *load = &core->loads.at[j];
            if (load->present_end - load->start < TARGET_PAGE ||
                memcmp(load->bytes, file->bytes, TARGET_PAGE) != 0)
                continue;
            *bias_ret = load->start - segment->address;
            return true;
        }
    }
    return false;
}

/* The difference between loaded and linked addresses; false if the entry point does not fit the
 * file. */
static bool find_bias(const struct core *core, const struct elffile *file, uint64_t *bias_ret)
{
    uint64_t bias = core->notes.has_entry ? core->notes.entry - file->entry : 0;
    if (file->type == ET_DYN && !core->notes.has_entry)
        return find_bias_by_content(core, file, bias_ret);
    *bias_ret = bias;
    return file->type == ET_DYN ? bias % TARGET_PAGE == 0 : file->type == ET_EXEC && bias == 0;
}

/* The page at the start of the file, as it was in memory. */
static bool same_first_page(const struct core *core, const struct elffile *file, uint64_t bias)
{
    for (size_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segments[i];
        if (segment->type != PT_LOAD || segment->offset != 0 || segment->flags & PF_W)
            continue;
        size_t left = 0;
        const uint8_t *bytes = core_bytes(core, segment->address + bias, &left);
        if (left > segment->present_size)
            left = segment->present_size;
        if (left > TARGET_PAGE)
            left = TARGET_PAGE;
        if (bytes && memcmp(bytes, file->bytes, left) != 0)
            return false;
    }
    return true;
}

/* The program's data are mapped, and where the core tells that a file is mapped, it is the part
 * that belongs there. */
static bool fits_mappings(const struct core *core, const struct elffile *file, uint64_t bias)
{
    for (size_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segments[i];
        if (segment->type != PT_LOAD || !segment->present_size)
            continue;
        address at = segment->address + bias;
        if (segment->flags & PF_W && !target_mapping_at(&core->target, at))
            return false;
        const struct core_file *mapped = core_notes_file_at(&core->notes, at);
        if (mapped && mapped->offset + (at - mapped->start) != segment->offset)
            return false;
    }
    return true;
}

static struct error *open_candidate(const struct core *core, const char *path,
                                    struct elffile **file_ret, uint64_t *bias_ret)
{
    struct elffile *file = NULL;
    TRY(elffile_open(path, NULL, &file));
    if (file->machine == core->file->machine && find_bias(core, file, bias_ret) &&
        fits_mappings(core, file, *bias_ret) && same_first_page(core, file, *bias_ret)) {
        *file_ret = file;
        return NULL;
    }
    struct error *error = error_create(
        ERROR_BAD_DATA, "%s is another program, or another build of it, than the one in %s",
        file->path, core->file->path);
    elffile_close(file);
    return error;
}

/* The path given to exec, from the stack of the process. */
static char *read_execfn(const struct core *core)
{
    size_t left = 0;
    const uint8_t *bytes = core->notes.execfn ? core_bytes(core, core->notes.execfn, &left) : NULL;
    if (!bytes)
        return NULL;
    if (left > PATH_LENGTH_MAX)
        left = PATH_LENGTH_MAX;
    const uint8_t *end = memchr(bytes, 0, left);
    return end ? xstrndup((const char *)bytes, (size_t)(end - bytes)) : NULL;
}

/* The same name in the core file's folder. */
static char *beside_core(const char *core_path, const char *path)
{
    const char *name = strrchr(path, '/');
    const char *slash = strrchr(core_path, '/');
    struct text text = {0};
    if (slash)
        text_add(&text, core_path, (size_t)(slash - core_path) + 1);
    else
        text_puts(&text, "./");
    text_puts(&text, name ? name + 1 : path);
    return text.bytes;
}

struct error *core_find_executable(const struct core *core, const char *core_path,
                                   const char *wanted, struct elffile **file_ret,
                                   uint64_t *bias_ret)
{
    if (wanted)
        return open_candidate(core, wanted, file_ret, bias_ret);
    const struct core_file *mapped =
        core->notes.has_entry ? core_notes_file_at(&core->notes, core->notes.entry) : NULL;
    AUTO_FREE char *executed = read_execfn(core);
    const char *named = mapped ? mapped->path : executed;
    if (!named)
        return error_create(
            ERROR_NOT_FOUND,
            "%s does not tell which program it is of (it may be cut off): give it with --exe FILE",
            core->file->path);
    AUTO_FREE char *beside = beside_core(core_path, named);
    const char *candidates[] = {named, executed, beside};
    struct error *first = NULL;
    for (size_t i = 0; i < LENGTH_OF(candidates); i++) {
        if (!candidates[i])
            continue;
        struct error *error = open_candidate(core, candidates[i], file_ret, bias_ret);
        if (!error) {
            error_destroy(first);
            return NULL;
        }
        /* "is another build" says more than "not there". */
        if (first &&
            (error_code(first) != ERROR_NOT_FOUND || error_code(error) == ERROR_NOT_FOUND)) {
            error_destroy(error);
            continue;
        }
        error_destroy(first);
        first = error;
    }
    struct error *error = error_create(error_code(first), "%s; give the program with --exe FILE",
                                       error_message(first));
    error_destroy(first);
    return error;
}

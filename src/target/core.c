/* A core file: the kernel's or gcore's. Its PT_LOADs are the process's mappings in order of
 * address; there may be a hundred thousand, so every look-up is a binary search.
 *
 * What the core does not hold comes from the executable's file: read-only segments always; writable
 * ones only if the dump left the mapping out altogether, which the kernel does (fs/coredump.c,
 * vma_dump_size) when no page of it was ever written. All else that is missing, as the end of a
 * core that was cut off, is a fault. */
#include "target/core.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void core_destroy(struct target *target)
{
    struct core *core = (struct core *)target;
    target_deinit(target);
    core_notes_deinit(&core->notes);
    VECTOR_DEINIT(&core->loads);
    elffile_close(core->file);
    free(core);
}

static int by_start(const void *left, const void *right)
{
    const struct core_load *a = left;
    const struct core_load *b = right;
    return (a->start > b->start) - (a->start < b->start);
}

static void index_loads(struct core *core)
{
    for (size_t i = 0; i < core->file->segment_count; i++) {
        const struct elf_segment *segment = &core->file->segments[i];
        if (segment->type != PT_LOAD || !segment->memory_size)
            continue;
        VECTOR_PUSH(&core->loads,
                    (struct core_load){
                        .start = segment->address,
                        .end = segment->address + segment->memory_size,
                        .present_end = segment->address + segment->present_size,
                        .was_dumped = segment->file_size != 0,
                        .bytes = segment->present_size ? core->file->bytes + segment->offset : NULL,
                        .flags = segment->flags,
                    });
    }
    if (core->loads.length)
        qsort(core->loads.at, core->loads.length, sizeof(*core->loads.at), by_start);
}

/* No dump holds bytes that stand for two places of memory. Such a file could make gigabytes of a few pages. */
static bool has_bytes_for_all(const struct core *core)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < core->loads.length; i++)
        sum += core->loads.at[i].present_end - core->loads.at[i].start;
    return sum <= core->file->size;
}

/* A dump that was cut off by a limit, or on its way: what the table of segments promises and the file does not have. */
static uint64_t cut_bytes(const struct elffile *file)
{
    uint64_t cut = 0;
    for (size_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segments[i];
        uint64_t missing = segment->file_size > segment->present_size
                               ? segment->file_size - segment->present_size
                               : 0;
        if (segment->type == PT_LOAD && __builtin_add_overflow(cut, missing, &cut))
            return UINT64_MAX;
    }
    return cut;
}

/* The number of loads that start at or before an address. */
static size_t loads_before(const struct core *core, address at)
{
    size_t low = 0;
    size_t high = core->loads.length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (core->loads.at[middle].start <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct core_load *load_at(const struct core *core, address at)
{
    size_t before = loads_before(core, at);
    if (!before || at >= core->loads.at[before - 1].end)
        return NULL;
    return &core->loads.at[before - 1];
}

const uint8_t *core_bytes(const struct core *core, address at, size_t *left_ret)
{
    const struct core_load *load = load_at(core, at);
    if (!load || at >= load->present_end)
        return NULL;
    *left_ret = load->present_end - at;
    return load->bytes + (at - load->start);
}

/* The core's bytes at an address, else the executable's. */
static const uint8_t *bytes_at(const struct core *core, address at, size_t *left_ret)
{
    const uint8_t *bytes = core_bytes(core, at, left_ret);
    if (bytes)
        return bytes;
    const struct file_range *range = target_file_range(&core->target, at);
    if (!range)
        return NULL;
    const struct core_load *load = load_at(core, at);
    if (range->writable && load && load->was_dumped)
        return NULL;
    /* Only up to the next mapping that the core may hold. */
    size_t before = loads_before(core, at);
    address end = range->end;
    if (before < core->loads.length && core->loads.at[before].start < end)
        end = core->loads.at[before].start;
    *left_ret = end - at;
    return range->bytes + (at - range->start);
}

static const uint8_t *core_in_place(const struct target *target, address at, uint64_t size)
{
    size_t left = 0;
    const uint8_t *bytes = bytes_at((const struct core *)target, at, &left);
    return bytes && left >= size && (uintptr_t)bytes % 8 == 0 ? bytes : NULL;
}

static struct error *core_read(struct target *target, address at, void *to, size_t size)
{
    uint8_t *out = to;
    while (size) {
        size_t left = 0;
        const uint8_t *bytes = bytes_at((struct core *)target, at, &left);
        if (!bytes)
            return target_fault(at, size);
        if (left > size)
            left = size;
        memcpy(out, bytes, left);
        at += left;
        out += left;
        size -= left;
    }
    return NULL;
}

static struct error *core_read_many(struct target *target, struct read_request *requests,
                                    size_t count)
{
    return requests_read_each(target, core_read, requests, count);
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    return !bytes[0] && !memcmp(bytes, bytes + 1, size - 1);
}

/* Bytes of the pages in [from, to) of a load that hold anything. gcore also writes what was only reserved, as zeros: more than a
 * gigabyte of it in a small Go program. */
static uint64_t filled_bytes(const struct core_load *load, address from, address to)
{
    uint64_t filled = 0;
    for (address at = from; at < to; at += TARGET_PAGE) {
        size_t size = to - at < TARGET_PAGE ? to - at : TARGET_PAGE;
        filled += is_zero(load->bytes + (at - load->start), size) ? 0 : size;
    }
    return filled;
}

static struct error *core_measure(struct target *target)
{
    for (size_t i = 0; i < target->mappings.length; i++) {
        struct mapping *mapping = &target->mappings.at[i];
        if (!mapping->is_file && mapping->rss_bytes)
            TRY(target->operations->resident(target, mapping->start, mapping->end - mapping->start,
                                             &mapping->rss_bytes));
    }
    return NULL;
}

static struct error *core_resident(struct target *target, address start, uint64_t size,
                                   uint64_t *resident_ret)
{
    const struct core *core = (const struct core *)target;
    address end = size <= UINT64_MAX - start ? start + size : UINT64_MAX;
    uint64_t resident = 0;
    size_t before = loads_before(core, start);
    for (size_t i = before ? before - 1 : 0;
         i < core->loads.length && core->loads.at[i].start < end; i++) {
        const struct core_load *load = &core->loads.at[i];
        address from = load->start > start ? load->start : start;
        address to = load->present_end < end ? load->present_end : end;
        resident += from < to ? filled_bytes(load, from, to) : 0;
    }
    *resident_ret = resident < size ? resident : size;
    return NULL;
}

static const struct thread_registers *core_threads(const struct target *target, size_t *count_ret)
{
    const struct core_threads *threads = &((const struct core *)target)->notes.threads;
    *count_ret = threads->length;
    return threads->at;
}

static const struct target_operations operations = {
    .read = core_read,
    .read_many = core_read_many,
    .in_place = core_in_place,
    .measure = core_measure,
    .resident = core_resident,
    .threads = core_threads,
    .destroy = core_destroy,
};

/* The mapping list, from the loads and the mapped files; files that the dump left out are added. */
static void list_mappings(struct core *core)
{
    struct mappings *mappings = &core->target.mappings;
    for (size_t i = 0; i < core->loads.length; i++) {
        const struct core_load *load = &core->loads.at[i];
        const struct core_file *file = core_notes_file_at(&core->notes, load->start);
        const char *path = file ? file->path : "";
        VECTOR_PUSH(mappings,
                    (struct mapping){
                        .start = load->start,
                        .end = load->end,
                        .file_offset = file ? file->offset + (load->start - file->start) : 0,
                        .readable = load->flags & PF_R,
                        .writable = load->flags & PF_W,
                        .executable = load->flags & PF_X,
                        .path = text_escaped(path, strlen(path)),
                        .rss_bytes = load->present_end - load->start,
                        .is_file = path[0] == '/',
                    });
    }
    for (size_t i = 0; i < core->notes.files.length; i++) {
        const struct core_file *file = &core->notes.files.at[i];
        size_t before = loads_before(core, file->end - 1);
        if (before && core->loads.at[before - 1].end > file->start)
            continue;
        VECTOR_PUSH(mappings, (struct mapping){
                                  .start = file->start,
                                  .end = file->end,
                                  .file_offset = file->offset,
                                  .readable = true,
                                  .path = text_escaped(file->path, strlen(file->path)),
                                  .is_file = file->path[0] == '/',
                              });
    }
    mappings_sort(mappings);
}

static struct error *open_steps(struct core *core, const char *path, const char *exe_path)
{
    TRY(elffile_open(path, NULL, &core->file));
    if (core->file->type != ET_CORE)
        return error_create(ERROR_BAD_DATA, "%s is not a core file", core->file->path);
    core_notes_read(core->file, &core->notes);
    index_loads(core);
    if (!core->loads.length)
        return error_create(ERROR_BAD_DATA, "%s holds no memory", core->file->path);
    if (!has_bytes_for_all(core))
        return error_create(ERROR_BAD_DATA, "%s is broken: its segments overlap in the file",
                            core->file->path);
    list_mappings(core);
    struct elffile *executable = NULL;
    uint64_t bias = 0;
    TRY(core_find_executable(core, path, exe_path, &executable, &bias));
    target_set_executable(&core->target, executable, bias);

    const char *slash = strrchr(executable->path, '/');
    core->target.facts = (struct target_facts){
        .kind = TARGET_CORE,
        .pid = core->notes.pid,
        .name = xstrdup(slash ? slash + 1 : executable->path),
        .exe_path = xstrdup(executable->path),
        .uptime_s = -1,
        .started_unix = -1,
        .cut_bytes = cut_bytes(core->file),
    };
    return NULL;
}

struct error *target_open_core(const char *path, const char *exe_path, struct target **target_ret)
{
    struct core *core = xcalloc(1, sizeof(*core));
    core->target.operations = &operations;
    struct error *error = open_steps(core, path, exe_path);
    if (error) {
        core_destroy(&core->target);
        return error;
    }
    *target_ret = &core->target;
    return NULL;
}

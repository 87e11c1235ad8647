/* The two searches that lead to a module. A header of pclntab is known by its first 8 bytes:
 * magic, two zeros, the smallest instruction, the size of a pointer (runtime/symtab.go
 * moduledataverify1). The module is known by its first word, the header's address. Section names
 * are hints that save time; segments are the truth, for an executable without sections and for a
 * PIE made by the C linker, which puts pclntab among .data.rel.ro.
 *
 * The file is searched in place. Memory is read in pieces; a piece with a hole in it is read
 * again by pages. */
#include "program/module_search.h"

#include <elf.h>
#include <string.h>

#include "base/memory.h"

enum {
    PIECE = 64 << 10,
    PAGE = 4 << 10,
    WORD = 8,
    MEMORY_MAX = 512 << 20, /* of one segment */
};

static const char *const header_sections[] = {".gopclntab", ".data.rel.ro.gopclntab",
                                              ".data.rel.ro"};
static const char *const module_sections[] = {".go.module", ".noptrdata", ".data"};

/* Tests one word of a search. */
struct pattern {
    uint64_t mask, value;
};

struct search {
    struct target *target;
    struct pattern pattern;
    search_hit *hit;
    void *context;
    bool stop;
};

struct image image_of(const struct target *target)
{
    const struct elffile *file = target_executable(target);
    uint64_t bias = target_bias(target);
    struct image image = {UINT64_MAX, 0};
    for (size_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segments[i];
        address start = segment->address + bias;
        if (segment->type != PT_LOAD || !segment->memory_size ||
            segment->memory_size > UINT64_MAX - start)
            continue;
        address end = start + segment->memory_size;
        image.start = start < image.start ? start : image.start;
        image.end = end > image.end ? end : image.end;
    }
    return image;
}

/* Words of bytes that stand at an address. */
static struct error *search_bytes(struct search *search, const uint8_t *bytes, size_t size,
                                  address at)
{
    for (size_t i = -at % WORD; size >= WORD && i <= size - WORD && !search->stop; i += WORD) {
        uint64_t word;
        memcpy(&word, bytes + i, sizeof(word));
        if ((word & search->pattern.mask) == search->pattern.value)
            TRY(search->hit(search->context, at + i, &search->stop));
    }
    return NULL;
}

/* A fault is a hole; any other error ends the search. */
static struct error *read_piece(struct target *target, address at, uint8_t *to, size_t size,
                                bool *read_ret)
{
    struct error *error = target_read(target, at, to, size);
    *read_ret = !error;
    if (!error || error_code(error) != ERROR_FAULT)
        return error;
    error_destroy(error);
    return NULL;
}

static struct error *search_pages(struct search *search, uint8_t *buffer, address at, size_t size)
{
    for (size_t i = 0; i < size && !search->stop; i += PAGE) {
        size_t part = size - i < PAGE ? size - i : PAGE;
        bool read = false;
        TRY(read_piece(search->target, at + i, buffer, part, &read));
        if (read)
            TRY(search_bytes(search, buffer, part, at + i));
    }
    return NULL;
}

static struct error *search_memory(struct search *search, address start, uint64_t size)
{
    AUTO_FREE uint8_t *buffer = xmalloc(PIECE);
    size = size < MEMORY_MAX ? size : MEMORY_MAX;
    size = size < UINT64_MAX - start ? size : UINT64_MAX - start;
    address at = start;
    while (at - start < size && !search->stop) {
        uint64_t left = size - (at - start);
        size_t part = PIECE - at % PAGE; /* so that later pieces begin with a page */
        part = part < left ? part : left;
        bool read = false;
        TRY(read_piece(search->target, at, buffer, part, &read));
        if (read)
            TRY(search_bytes(search, buffer, part, at));
        else
            TRY(search_pages(search, buffer, at, part));
        at += part;
    }
    return NULL;
}

/* Headers. */

static struct error *search_section_headers(struct search *search, const struct elffile *file)
{
    for (size_t i = 0; i < LENGTH_OF(header_sections) && !search->stop; i++) {
        const struct elf_section *section = elffile_section(file, header_sections[i]);
        if (section && section->bytes)
            TRY(search_bytes(search, section->bytes, section->size,
                             section->address + target_bias(search->target)));
    }
    return NULL;
}

static struct error *search_segments(struct search *search, const struct elffile *file,
                                     bool in_memory)
{
    uint64_t bias = target_bias(search->target);
    for (size_t i = 0; i < file->segment_count && !search->stop; i++) {
        const struct elf_segment *segment = &file->segments[i];
        if (segment->type != PT_LOAD)
            continue;
        size_t left = 0;
        const uint8_t *bytes = in_memory ? NULL : elffile_at(file, segment->address, &left, NULL);
        if (in_memory)
            TRY(search_memory(search, segment->address + bias, segment->memory_size));
        else if (bytes)
            TRY(search_bytes(search, bytes, left < MEMORY_MAX ? left : MEMORY_MAX,
                             segment->address + bias));
    }
    return NULL;
}

struct error *search_headers(struct target *target, search_hit *hit, void *context)
{
    const struct elffile *file = target_executable(target);
    uint64_t quantum = file->machine == EM_AARCH64 ? 4 : 1;
    struct search search = {
        .target = target,
        /* any of the magics 0xfffffff0 to 0xffffffff; which of them, the parser of the header
         * judges */
        .pattern = {.mask = 0xfffffffffffffff0,
                    .value = 0x08ULL << 56 | quantum << 48 | 0xfffffff0},
        .hit = hit,
        .context = context,
    };
    TRY(search_section_headers(&search, file));
    TRY(search_segments(&search, file, false));
    return search_segments(&search, file, true);
}

/* The module. */

struct error *search_word(struct target *target, uint64_t word, search_hit *hit, void *context)
{
    const struct elffile *file = target_executable(target);
    uint64_t bias = target_bias(target);
    struct search search = {.target = target,
                            .pattern = {.mask = UINT64_MAX, .value = word},
                            .hit = hit,
                            .context = context};
    for (size_t i = 0; i < LENGTH_OF(module_sections) && !search.stop; i++) {
        const struct elf_section *section = elffile_section(file, module_sections[i]);
        if (section && section->address)
            TRY(search_memory(&search, section->address + bias, section->size));
    }
    for (size_t i = 0; i < file->segment_count && !search.stop; i++) {
        const struct elf_segment *segment = &file->segments[i];
        if (segment->type == PT_LOAD && segment->flags & PF_W)
            TRY(search_memory(&search, segment->address + bias, segment->memory_size));
    }
    return NULL;
}

/* The directory of a snapshot as bytes. Whoever writes one and whoever reads one stand side by side here, section by section. */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "target/snapshot_format.h"

enum {
    PAGE = 4096
};
static const char source[] = "the snapshot's directory";

/* Writing. */

void snapshot_put_uvarint(struct text *text, uint64_t value)
{
    uint8_t bytes[10];
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[length++] = (uint8_t)(value | 0x80);
    bytes[length++] = (uint8_t)value;
    text_add(text, (const char *)bytes, length);
}

static void put_string(struct text *text, const char *string)
{
    size_t length = string ? strlen(string) : 0;
    snapshot_put_uvarint(text, length);
    text_add(text, string ? string : "", length);
}

static void put_double(struct text *text, double value)
{
    text_add(text, (const char *)&value, sizeof(value));
}

void snapshot_put_section(struct text *directory, uint32_t tag, const struct text *content)
{
    uint64_t size = content->length;
    text_add(directory, (const char *)&tag, sizeof(tag));
    text_add(directory, (const char *)&size, sizeof(size));
    if (size)
        text_add(directory, content->bytes, size);
}

static void end_section(struct text *directory, uint32_t tag, struct text *content)
{
    snapshot_put_section(directory, tag, content);
    text_deinit(content);
}

void snapshot_put_facts(struct text *directory, const struct snapshot_facts *facts)
{
    const struct target_facts *of_target = target_facts(facts->target);
    unsigned flags = (facts->ran_on ? SNAPSHOT_FLAG_RAN_ON : 0) |
                     (of_target->exe_deleted ? SNAPSHOT_FLAG_EXE_DELETED : 0) |
                     (of_target->exe_path ? SNAPSHOT_FLAG_EXE_KNOWN : 0);
    struct text text = {0};
    put_string(&text, SEEP_VERSION);
    snapshot_put_uvarint(&text, (uint64_t)of_target->pid);
    snapshot_put_uvarint(&text, target_bias(facts->target));
    snapshot_put_uvarint(&text, (uint64_t)facts->now_ns);
    snapshot_put_uvarint(&text, (uint64_t)facts->pause_ns);
    snapshot_put_uvarint(&text, flags);
    put_double(&text, of_target->uptime_s);
    put_double(&text, of_target->started_unix);
    put_double(&text, facts->saved_unix);
    put_string(&text, of_target->name);
    put_string(&text, of_target->exe_path);
    end_section(directory, SNAPSHOT_FACTS, &text);
}

static unsigned mapping_flags(const struct mapping *mapping)
{
    return (mapping->readable ? SNAPSHOT_MAPPING_READABLE : 0) |
           (mapping->writable ? SNAPSHOT_MAPPING_WRITABLE : 0) |
           (mapping->executable ? SNAPSHOT_MAPPING_EXECUTABLE : 0) |
           (mapping->shared ? SNAPSHOT_MAPPING_SHARED : 0) |
           (mapping->is_file ? SNAPSHOT_MAPPING_FILE : 0);
}

void snapshot_put_mappings(struct text *directory, const struct target *target)
{
    size_t count = 0;
    address end = 0;
    struct text text = {0};
    const struct mapping *mappings = target_mappings(target, &count);
    for (size_t i = 0; i < count; i++) {
        const struct mapping *mapping = &mappings[i];
        if (mapping->start < end || mapping->end <= mapping->start)
            continue;
        snapshot_put_uvarint(&text, mapping->start - end);
        snapshot_put_uvarint(&text, mapping->end - mapping->start);
        snapshot_put_uvarint(&text, mapping->file_offset);
        snapshot_put_uvarint(&text, mapping->rss_bytes);
        snapshot_put_uvarint(&text, mapping->huge_bytes);
        snapshot_put_uvarint(&text, mapping_flags(mapping));
        put_string(&text, mapping->path);
        end = mapping->end;
    }
    end_section(directory, SNAPSHOT_MAPPINGS, &text);
}

static void put_vectors(struct text *directory, const struct thread_registers *threads,
                        size_t count)
{
    struct text text = {0};
    for (size_t i = 0; i < count; i++) {
        snapshot_put_uvarint(&text, threads[i].vector_known);
        for (unsigned j = 0; j < VECTOR_WORDS; j++)
            snapshot_put_uvarint(&text, threads[i].vector[j]);
        snapshot_put_uvarint(&text, threads[i].other_count);
        for (unsigned j = 0; j < threads[i].other_count; j++)
            snapshot_put_uvarint(&text, threads[i].other[j]);
    }
    end_section(directory, SNAPSHOT_VECTORS, &text);
}

void snapshot_put_threads(struct text *directory, const struct target *target)
{
    size_t count = 0;
    struct text text = {0};
    const struct thread_registers *threads = target_threads(target, &count);
    for (size_t i = 0; i < count; i++) {
        const struct thread_registers *thread = &threads[i];
        snapshot_put_uvarint(&text, (uint64_t)thread->tid);
        snapshot_put_uvarint(&text, thread->pc);
        snapshot_put_uvarint(&text, thread->sp);
        snapshot_put_uvarint(&text, thread->lr);
        snapshot_put_uvarint(&text, thread->general_count);
        for (unsigned j = 0; j < thread->general_count; j++)
            snapshot_put_uvarint(&text, thread->general[j]);
    }
    end_section(directory, SNAPSHOT_THREADS, &text);
    put_vectors(directory, threads, count);
}

void snapshot_put_resident(struct text *directory, const struct extents *resident)
{
    uint64_t end = 0; /* in pages, as all here */
    struct text text = {0};
    for (size_t i = 0; i < resident->length; i++) {
        uint64_t first = resident->at[i].start / PAGE;
        uint64_t behind = (resident->at[i].end - 1) / PAGE + 1;
        first = first > end ? first : end;
        if (first >= behind)
            continue;
        snapshot_put_uvarint(&text, first - end);
        snapshot_put_uvarint(&text, behind - first);
        end = behind;
    }
    end_section(directory, SNAPSHOT_RESIDENT, &text);
}

/* Reading. */

static struct error *bad(const char *what)
{
    return error_create(ERROR_BAD_DATA, "%s makes no sense: %s", source, what);
}

static struct error *read_number(struct cursor *cursor, uint64_t max, uint64_t *value_ret)
{
    TRY(cursor_uvarint(cursor, value_ret));
    return *value_ret <= max ? NULL : bad("a number is too large");
}

/* What was escaped once stays as it is. */
static struct error *read_string(struct cursor *cursor, char **string_ret)
{
    uint64_t length = 0;
    const uint8_t *bytes = NULL;
    TRY(cursor_uvarint(cursor, &length));
    TRY(cursor_bytes(cursor, length, &bytes));
    *string_ret = text_escaped((const char *)bytes, length);
    return NULL;
}

/* Seconds; negative is not known. */
static struct error *read_seconds(struct cursor *cursor, double *seconds_ret)
{
    static const double seconds_max = 1e12;
    uint64_t bits = 0;
    double seconds = 0;
    TRY(cursor_u64(cursor, &bits));
    memcpy(&seconds, &bits, sizeof(seconds));
    *seconds_ret = seconds >= 0 && seconds <= seconds_max ? seconds : -1;
    return NULL;
}

/* The next of a list of ranges that follow each other, in units. */
static struct error *next_range(uint64_t unit, uint64_t gap, uint64_t size, address *end)
{
    uint64_t max = UINT64_MAX / unit;
    if (!size || gap > max || size > max || gap * unit > UINT64_MAX - *end)
        return bad("a range");
    *end += gap * unit;
    if (size * unit > UINT64_MAX - *end)
        return bad("a range that ends behind all addresses");
    *end += size * unit;
    return NULL;
}

static struct error *read_facts(struct cursor *cursor, struct snapshot_directory *directory)
{
    struct target_facts *facts = &directory->facts;
    AUTO_FREE char *version = NULL;
    uint64_t pid = 0, now_ns = 0, pause_ns = 0, flags = 0;
    if (facts->name)
        return bad("two sections of facts");
    TRY(read_string(cursor, &version));
    TRY(read_number(cursor, INT32_MAX, &pid));
    TRY(cursor_uvarint(cursor, &directory->bias));
    TRY(read_number(cursor, INT64_MAX, &now_ns));
    TRY(read_number(cursor, INT64_MAX, &pause_ns));
    TRY(cursor_uvarint(cursor, &flags));
    TRY(read_seconds(cursor, &facts->uptime_s));
    TRY(read_seconds(cursor, &facts->started_unix));
    TRY(read_seconds(cursor, &facts->saved_unix));
    TRY(read_string(cursor, &facts->name));
    if (flags & SNAPSHOT_FLAG_EXE_KNOWN)
        TRY(read_string(cursor, &facts->exe_path));
    facts->pid = (pid_t)pid;
    facts->exe_deleted = flags & SNAPSHOT_FLAG_EXE_DELETED;
    facts->ran_on = flags & SNAPSHOT_FLAG_RAN_ON;
    directory->now_ns = (int64_t)now_ns;
    directory->pause_ns = (int64_t)pause_ns;
    return NULL;
}

static struct error *read_file(struct cursor *cursor, struct snapshot_directory *directory)
{
    TRY(cursor_uvarint(cursor, &directory->executable_size));
    return cursor_uvarint(cursor, &directory->stream_size);
}

static struct error *read_blocks(struct cursor *cursor, struct snapshot_directory *directory)
{
    uint64_t end = SNAPSHOT_HEADER_BYTES;
    if (directory->blocks.length)
        return bad("two sections of blocks");
    VECTOR_PUSH(&directory->blocks, end);
    while (cursor->at < cursor->size) {
        uint64_t size = 0;
        TRY(read_number(cursor, UINT32_MAX, &size));
        if (!size)
            return bad("an empty block");
        end += size; /* of less than 2^30 numbers: does not wrap */
        VECTOR_PUSH(&directory->blocks, end);
    }
    return NULL;
}

static struct error *read_mappings(struct cursor *cursor, struct snapshot_directory *directory)
{
    address end = 0;
    if (directory->mappings.length)
        return bad("two sections of mappings");
    while (cursor->at < cursor->size) {
        struct mapping mapping = {0};
        uint64_t gap = 0, size = 0, flags = 0;
        TRY(cursor_uvarint(cursor, &gap));
        TRY(cursor_uvarint(cursor, &size));
        TRY(cursor_uvarint(cursor, &mapping.file_offset));
        TRY(cursor_uvarint(cursor, &mapping.rss_bytes));
        TRY(cursor_uvarint(cursor, &mapping.huge_bytes));
        TRY(cursor_uvarint(cursor, &flags));
        TRY(next_range(1, gap, size, &end));
        TRY(read_string(cursor, &mapping.path));
        mapping.start = end - size;
        mapping.end = end;
        mapping.rss_bytes = mapping.rss_bytes < size ? mapping.rss_bytes : size;
        mapping.huge_bytes =
            mapping.huge_bytes < mapping.rss_bytes ? mapping.huge_bytes : mapping.rss_bytes;
        mapping.readable = flags & SNAPSHOT_MAPPING_READABLE;
        mapping.writable = flags & SNAPSHOT_MAPPING_WRITABLE;
        mapping.executable = flags & SNAPSHOT_MAPPING_EXECUTABLE;
        mapping.shared = flags & SNAPSHOT_MAPPING_SHARED;
        mapping.is_file = flags & SNAPSHOT_MAPPING_FILE;
        VECTOR_PUSH(&directory->mappings, mapping);
    }
    return NULL;
}

static struct error *read_thread(struct cursor *cursor, struct thread_registers *thread)
{
    uint64_t tid = 0, count = 0;
    TRY(read_number(cursor, INT32_MAX, &tid));
    TRY(cursor_uvarint(cursor, &thread->pc));
    TRY(cursor_uvarint(cursor, &thread->sp));
    TRY(cursor_uvarint(cursor, &thread->lr));
    TRY(read_number(cursor, GENERAL_MAX, &count));
    for (uint64_t i = 0; i < count; i++)
        TRY(cursor_uvarint(cursor, &thread->general[i]));
    thread->tid = (pid_t)tid;
    thread->general_count = (unsigned)count;
    return NULL;
}

static struct error *read_threads(struct cursor *cursor, struct snapshot_directory *directory)
{
    while (cursor->at < cursor->size) {
        struct thread_registers thread = {0};
        TRY(read_thread(cursor, &thread));
        if (directory->threads.length &&
            directory->threads.at[directory->threads.length - 1].tid >= thread.tid)
            return bad("threads are not in order");
        VECTOR_PUSH(&directory->threads, thread);
    }
    return NULL;
}

static struct error *read_vector(struct cursor *cursor, struct thread_registers *thread)
{
    uint64_t known = 0, count = 0;
    TRY(read_number(cursor, 1, &known));
    for (unsigned i = 0; i < VECTOR_WORDS; i++)
        TRY(cursor_uvarint(cursor, &thread->vector[i]));
    TRY(read_number(cursor, VECTOR_OTHERS, &count));
    for (uint64_t i = 0; i < count; i++)
        TRY(cursor_uvarint(cursor, &thread->other[i]));
    thread->other_count = (unsigned)count;
    thread->vector_known = known;
    return NULL;
}

static struct error *read_vectors(struct cursor *cursor, struct snapshot_directory *directory)
{
    for (size_t i = 0; i < directory->threads.length; i++)
        TRY(read_vector(cursor, &directory->threads.at[i]));
    return cursor->at == cursor->size ? NULL : bad("registers of threads that are not there");
}

/* Where in the stream the bytes are is known when the size of the executable is: see place_memory(). */
static struct error *read_memory(struct cursor *cursor, struct snapshot_directory *directory)
{
    address end = 0;
    if (directory->memory.length)
        return bad("two sections of memory");
    while (cursor->at < cursor->size) {
        uint64_t gap = 0, size = 0;
        TRY(cursor_uvarint(cursor, &gap));
        TRY(cursor_uvarint(cursor, &size));
        TRY(next_range(SNAPSHOT_UNIT, gap, size >> 1, &end));
        VECTOR_PUSH(&directory->memory,
                    (struct snapshot_range){.start = end - (size >> 1) * SNAPSHOT_UNIT,
                                            .end = end,
                                            .at = size & 1 ? snapshot_zeros : 0});
    }
    return NULL;
}

static struct error *read_resident(struct cursor *cursor, struct snapshot_directory *directory)
{
    address end = 0;
    if (directory->resident.length)
        return bad("two sections of resident pages");
    while (cursor->at < cursor->size) {
        uint64_t gap = 0, size = 0;
        TRY(cursor_uvarint(cursor, &gap));
        TRY(cursor_uvarint(cursor, &size));
        TRY(next_range(PAGE, gap, size, &end));
        extents_add(&directory->resident, end - size * PAGE, end);
    }
    return NULL;
}

static const struct {
    uint32_t tag;
    struct error *(*read)(struct cursor *cursor, struct snapshot_directory *directory);
} sections[] = {
    {SNAPSHOT_FACTS, read_facts},       {SNAPSHOT_FILE, read_file},
    {SNAPSHOT_BLOCKS, read_blocks},     {SNAPSHOT_MAPPINGS, read_mappings},
    {SNAPSHOT_THREADS, read_threads},   {SNAPSHOT_MEMORY, read_memory},
    {SNAPSHOT_RESIDENT, read_resident}, {SNAPSHOT_VECTORS, read_vectors},
};

static struct error *read_section(struct cursor *cursor, struct snapshot_directory *directory)
{
    uint32_t tag = 0;
    uint64_t size = 0;
    const uint8_t *bytes = NULL;
    TRY(cursor_u32(cursor, &tag));
    TRY(cursor_u64(cursor, &size));
    TRY(cursor_bytes(cursor, size, &bytes));
    for (size_t i = 0; i < LENGTH_OF(sections); i++) {
        struct cursor content = cursor_over(bytes, size, source);
        if (sections[i].tag == tag)
            return sections[i].read(&content, directory);
    }
    return NULL;
}

/* The ranges share out the stream behind the executable, and nothing is left. */
static struct error *place_memory(struct snapshot_directory *directory)
{
    uint64_t at = directory->executable_size;
    if (at > directory->stream_size)
        return bad("an executable that is larger than all");
    at += -at % SNAPSHOT_UNIT;
    for (size_t i = 0; i < directory->memory.length; i++) {
        struct snapshot_range *range = &directory->memory.at[i];
        if (range->at == snapshot_zeros)
            continue;
        if (at > directory->stream_size || range->end - range->start > directory->stream_size - at)
            return bad("more memory than is in the file");
        range->at = at;
        at += range->end - range->start;
    }
    return at == directory->stream_size ? NULL : bad("memory that belongs nowhere");
}

static struct error *check_blocks(const struct snapshot_directory *directory, uint64_t blocks_end)
{
    uint64_t count = directory->blocks.length ? directory->blocks.length - 1 : 0;
    uint64_t wanted =
        directory->stream_size / SNAPSHOT_BLOCK + (directory->stream_size % SNAPSHOT_BLOCK ? 1 : 0);
    if (!count || count != wanted || directory->blocks.at[count] != blocks_end)
        return bad("blocks that do not fit the file");
    for (uint64_t i = 0; i < count; i++) {
        uint64_t plain =
            i + 1 < count ? SNAPSHOT_BLOCK : directory->stream_size - i * SNAPSHOT_BLOCK;
        if ((directory->blocks.at[i + 1] - directory->blocks.at[i]) * SNAPSHOT_BLOCK_RATIO < plain)
            return bad("a block that is too small for what it holds");
    }
    return NULL;
}

static struct error *read_steps(struct cursor *cursor, uint64_t blocks_end,
                                struct snapshot_directory *directory)
{
    while (cursor->at < cursor->size)
        TRY(read_section(cursor, directory));
    if (!directory->facts.name || !directory->executable_size || !directory->mappings.length)
        return bad("parts are missing");
    TRY(check_blocks(directory, blocks_end));
    return place_memory(directory);
}

struct error *snapshot_directory_read(const uint8_t *bytes, size_t size, uint64_t blocks_end,
                                      struct snapshot_directory *directory_ret)
{
    struct cursor cursor = cursor_over(bytes, size, source);
    *directory_ret = (struct snapshot_directory){0};
    struct error *error = read_steps(&cursor, blocks_end, directory_ret);
    if (error)
        snapshot_directory_deinit(directory_ret);
    return error;
}

void snapshot_directory_deinit(struct snapshot_directory *directory)
{
    free(directory->facts.name);
    free(directory->facts.exe_path);
    VECTOR_DEINIT(&directory->blocks);
    mappings_deinit(&directory->mappings);
    VECTOR_DEINIT(&directory->threads);
    VECTOR_DEINIT(&directory->memory);
    VECTOR_DEINIT(&directory->resident);
    *directory = (struct snapshot_directory){0};
}

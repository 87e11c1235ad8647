/* What all kinds of target share. A read goes first to the executable's file, for segments that
 * nobody writes: this costs no system call and touches no page of the target. The rest goes to the
 * kind.
 *
 * Every request for memory passes the torture hook, which counts it and lets a chosen one fail. */
#include "target/target.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "target/internal.h"
#include "target/registers.h"

enum {
    CACHE_PAGES = 1024
};

void target_close(struct target *target)
{
    if (target)
        target->operations->destroy(target);
}

void target_deinit(struct target *target)
{
    elffile_close(target->executable);
    mappings_deinit(&target->mappings);
    VECTOR_DEINIT(&target->file_ranges);
    free(target->cache.tags);
    free(target->cache.pages);
    free(target->facts.name);
    free(target->facts.exe_path);
}

const struct target_facts *target_facts(const struct target *target)
{
    return &target->facts;
}

bool target_stands_still(const struct target *target)
{
    return target->facts.kind != TARGET_PROCESS && !target->facts.ran_on;
}

const struct elffile *target_executable(const struct target *target)
{
    return target->executable;
}

uint64_t target_bias(const struct target *target)
{
    return target->bias;
}

const struct mapping *target_mappings(const struct target *target, size_t *count_ret)
{
    *count_ret = target->mappings.length;
    return target->mappings.at;
}

const struct mapping *target_mapping_at(const struct target *target, address at)
{
    return mappings_at(&target->mappings, at);
}

struct error *target_touched(struct target *target, struct extents *touched_ret)
{
    *touched_ret = (struct extents){0};
    if (target->operations->touched)
        return target->operations->touched(target, touched_ret);
    for (size_t i = 0; i < target->mappings.length; i++)
        extents_add(touched_ret, target->mappings.at[i].start, target->mappings.at[i].end);
    return NULL;
}

struct error *target_measure(struct target *target)
{
    return target->operations->measure(target);
}

struct error *target_resident(struct target *target, address start, uint64_t size,
                              uint64_t *resident_ret)
{
    return target->operations->resident(target, start, size, resident_ret);
}

const struct thread_registers *target_threads(const struct target *target, size_t *count_ret)
{
    *count_ret = 0;
    return target->operations->threads ? target->operations->threads(target, count_ret) : NULL;
}

bool target_registers(const struct target *target, pid_t tid,
                      struct thread_registers *registers_ret)
{
    size_t count = 0;
    const struct thread_registers *threads = target_threads(target, &count);
    const struct thread_registers *found = registers_find(threads, count, tid);
    if (found)
        *registers_ret = *found;
    return found != NULL;
}

struct error *target_check(struct target *target)
{
    return target->operations->check ? target->operations->check(target) : NULL;
}

int64_t target_now_ns(const struct target *target)
{
    return target->operations->now_ns ? target->operations->now_ns(target) : 0;
}

struct error *target_fault(address at, size_t size)
{
    return error_create(ERROR_FAULT, "%zu bytes at 0x%llx cannot be read", size,
                        (unsigned long long)at);
}

/* The executable's bytes. */

static int by_start(const void *left, const void *right)
{
    const struct file_range *a = left;
    const struct file_range *b = right;
    return (a->start > b->start) - (a->start < b->start);
}

void target_set_executable(struct target *target, struct elffile *executable, uint64_t bias)
{
    target->executable = executable;
    target->bias = bias;
    for (size_t i = 0; i < executable->segment_count; i++) {
        const struct elf_segment *segment = &executable->segments[i];
        address start = segment->address + bias;
        if (segment->type != PT_LOAD || !segment->present_size ||
            start > UINT64_MAX - segment->present_size)
            continue;
        VECTOR_PUSH(&target->file_ranges, (struct file_range){
                                              .start = start,
                                              .end = start + segment->present_size,
                                              .bytes = executable->bytes + segment->offset,
                                              .writable = segment->flags & PF_W,
                                          });
    }
    if (target->file_ranges.length)
        qsort(target->file_ranges.at, target->file_ranges.length, sizeof(*target->file_ranges.at),
              by_start);
}

const struct file_range *target_file_range(const struct target *target, address at)
{
    size_t low = 0;
    size_t high = target->file_ranges.length;
    if (!high || at < target->file_ranges.at[0].start || at >= target->file_ranges.at[high - 1].end)
        return NULL;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (target->file_ranges.at[middle].start <= at)
            low = middle + 1;
        else
            high = middle;
    }
    const struct file_range *range = &target->file_ranges.at[low - 1];
    return at < range->end ? range : NULL;
}

const uint8_t *target_view(const struct target *target, address at, bool relocated_too,
                           size_t *left_ret)
{
    const struct file_range *range = target_file_range(target, at);
    if (!range || (range->writable && !relocated_too))
        return NULL;
    if (left_ret)
        *left_ret = range->end - at;
    return range->bytes + (at - range->start);
}

static bool read_from_file(const struct target *target, address at, void *to, size_t size)
{
    size_t left = 0;
    const uint8_t *bytes = target_view(target, at, false, &left);
    if (!bytes || left < size)
        return false;
    memcpy(to, bytes, size);
    return true;
}

/* Torture. */

uint64_t target_read_count(const struct target *target)
{
    return target->read_count;
}

void target_fail_read(struct target *target, uint64_t nth, bool all_after)
{
    target->fail_at = nth ? target->read_count + nth : 0;
    target->fail_all_after = all_after;
}

/* Counts a read; true if it has to fail. */
static bool must_fail(struct target *target)
{
    target->read_count++;
    if (!target->fail_at)
        return false;
    return target->read_count == target->fail_at ||
           (target->fail_all_after && target->read_count > target->fail_at);
}

/* Reads. */

static void note_read(const struct target *target, address at, uint64_t size)
{
    if (target->log)
        readlog_note(target->log, at, size);
}

void target_log_reads(struct target *target, struct readlog *log)
{
    target->log = log;
}

static struct error *read_plain(struct target *target, address at, void *to, size_t size)
{
    if (!size || read_from_file(target, at, to, size))
        return NULL;
    if (size - 1 > UINT64_MAX - at)
        return target_fault(at, size);
    return target->operations->read(target, at, to, size);
}

struct error *target_read(struct target *target, address at, void *to, size_t size)
{
    if (must_fail(target))
        return target_fault(at, size);
    note_read(target, at, size);
    return read_plain(target, at, to, size);
}

static void fail_wanted(struct target *target, struct read_request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!must_fail(target))
            continue;
        requests[i].failed = true;
        if (requests[i].size)
            memset(requests[i].to, 0, requests[i].size);
    }
}

struct error *target_read_many(struct target *target, struct read_request *requests, size_t count)
{
    requests_sort(requests, count);
    for (size_t i = 0; target->log && i < count; i++)
        note_read(target, requests[i].at, requests[i].size);
    size_t first = 0; /* of a run that the file does not hold */
    for (size_t i = 0; i < count; i++) {
        if (!target_file_range(target, requests[i].at) ||
            !read_from_file(target, requests[i].at, requests[i].to, requests[i].size))
            continue;
        requests[i].failed = false;
        if (first < i)
            TRY(target->operations->read_many(target, requests + first, i - first));
        first = i + 1;
    }
    if (first < count)
        TRY(target->operations->read_many(target, requests + first, count - first));
    if (target->fail_at)
        fail_wanted(target, requests, count);
    else
        target->read_count += count;
    return NULL;
}

/* The cache: one place per page, by the page's number. */

void target_forget(struct target *target)
{
    if (target->cache.tags)
        memset(target->cache.tags, 0, CACHE_PAGES * sizeof(*target->cache.tags));
}

/* The bytes of a page from the cache, NULL if the page cannot be read as a whole. */
static const uint8_t *cached_page(struct target *target, address page)
{
    struct page_cache *cache = &target->cache;
    if (!cache->tags) {
        cache->tags = xcalloc(CACHE_PAGES, sizeof(*cache->tags));
        cache->pages = xmalloc((size_t)CACHE_PAGES * TARGET_PAGE);
    }
    size_t place = page / TARGET_PAGE % CACHE_PAGES;
    uint8_t *bytes = cache->pages + place * TARGET_PAGE;
    if (cache->tags[place] == page + 1)
        return bytes;
    cache->tags[place] = 0;
    if (error_ignore(read_plain(target, page, bytes, TARGET_PAGE)))
        return NULL;
    cache->tags[place] = page + 1;
    return bytes;
}

struct error *target_read_cached(struct target *target, address at, void *to, size_t size)
{
    if (must_fail(target) || (size && size - 1 > UINT64_MAX - at))
        return target_fault(at, size);
    if (read_from_file(target, at, to, size))
        return NULL;
    note_read(target, at, size);
    uint8_t *out = to;
    while (size) {
        size_t into = at % TARGET_PAGE;
        size_t part = TARGET_PAGE - into < size ? TARGET_PAGE - into : size;
        const uint8_t *page = cached_page(target, at - into);
        if (page)
            memcpy(out, page + into, part);
        else
            TRY(read_plain(target, at, out, part));
        at += part;
        out += part;
        size -= part;
    }
    return NULL;
}

struct error *target_u64(struct target *target, address at, uint64_t *value_ret)
{
    uint64_t value = 0;
    TRY(target_read_cached(target, at, &value, sizeof(value)));
    *value_ret = value;
    return NULL;
}

struct error *target_u32(struct target *target, address at, uint32_t *value_ret)
{
    uint32_t value = 0;
    TRY(target_read_cached(target, at, &value, sizeof(value)));
    *value_ret = value;
    return NULL;
}

const uint8_t *target_in_place(const struct target *target, address at, uint64_t size)
{
    note_read(target, at, size);
    return target->operations->in_place ? target->operations->in_place(target, at, size) : NULL;
}

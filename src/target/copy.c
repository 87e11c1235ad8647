/* process_vm_readv moves several GiB a second into memory that is there already. So the room is
 * brought in before the pause, in large pages where the kernel has them. */
#include "target/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    CALL_BYTES_MAX = 8 << 20, /* between two looks at the clock */
    LARGE_PAGE = 2 << 20,
    FILE_MAPPING_MAX = 16 << 20,
};
static const uint64_t mapping_max = UINT64_C(1) << 40;

/* Documentation/admin-guide/mm/pagemap.rst */
static const uint64_t is_there = UINT64_C(1) << 63 | UINT64_C(1) << 62; /* present, swapped */

bool copy_keeps(const struct mapping *mapping)
{
    return mapping->writable && mapping->readable && !mapping->shared &&
           strcmp(mapping->path, "[vvar]") != 0;
}

static void add(struct copy_ranges *ranges, address start, address end)
{
    struct copy_range *last = ranges->length ? &ranges->at[ranges->length - 1] : NULL;
    if (last && last->end == start)
        last->end = end;
    else
        VECTOR_PUSH(ranges, (struct copy_range){.start = start, .end = end});
}

static struct error *unreadable(const struct process *process, int reason)
{
    return error_create(ERROR_UNSUPPORTED, "/proc/%d/pagemap cannot be read: %s", (int)process->pid,
                        strerror(reason));
}

/* PAGEMAP_SCAN, Linux 6.7: walks the page tables, so that holes cost nothing; and it knows the page
 * of zeros. The names and numbers of include/uapi/linux/fs.h, which may be older here. */
struct scan_region {
    uint64_t start, end, categories;
};
struct scan {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
enum {
    SCAN_PRESENT = 1 << 3,
    SCAN_SWAPPED = 1 << 4,
    SCAN_ZERO = 1 << 5,
    SCAN_REGIONS = 1024,
};

/* 0 or an errno; ENOTTY from kernels that do not have it. */
static int scan_pages(const struct process *process, const struct mapping *mapping,
                      struct copy_ranges *ranges)
{
    struct scan_region regions[SCAN_REGIONS];
    struct scan scan = {
        .size = sizeof(scan),
        .start = mapping->start,
        .end = mapping->end,
        .vec = (uint64_t)(uintptr_t)regions,
        .vec_len = SCAN_REGIONS,
        .category_inverted = SCAN_ZERO,
        .category_mask = SCAN_ZERO,
        .category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
        .return_mask = SCAN_PRESENT,
    };
    while (scan.start < scan.end) {
        int count = ioctl(process->pagemap, _IOWR('f', 16, struct scan), &scan);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno;
        for (int i = 0; i < count; i++)
            add(ranges, regions[i].start, regions[i].end);
        if (scan.walk_end <= scan.start)
            return EIO;
        scan.start = scan.walk_end;
    }
    return 0;
}

/* Page by page, for older kernels. */
static struct error *read_pages(struct process *process, const struct mapping *mapping,
                                struct copy_ranges *ranges)
{
    uint64_t *entries = process->window.entries;
    uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t page = mapping->start / page_size;
    uint64_t end = mapping->end / page_size;
    process->window.count = 0; /* its buffer is used for this */
    while (page < end) {
        size_t wanted = end - page < PAGEMAP_WINDOW ? end - page : PAGEMAP_WINDOW;
        ssize_t length = pread(process->pagemap, entries, wanted * sizeof(*entries),
                               (off_t)(page * sizeof(*entries)));
        if (length <= 0)
            return unreadable(process, length ? errno : ENODATA);
        size_t count = (size_t)length / sizeof(*entries);
        for (size_t i = 0; i < count; i++)
            if (entries[i] & is_there)
                add(ranges, (page + i) * page_size, (page + i + 1) * page_size);
        page += count;
    }
    return NULL;
}

static struct error *survey_pages(struct process *process, const struct mapping *mapping,
                                  struct copy_ranges *ranges)
{
    size_t before = ranges->length;
    int reason = scan_pages(process, mapping, ranges);
    if (reason != ENOTTY && reason != EINVAL &&
        reason != EPERM) /* an older kernel; a filter of system calls */
        return reason ? unreadable(process, reason) : NULL;
    ranges->length = before;
    if (mapping->end - mapping->start > mapping_max)
        return error_create(ERROR_LIMIT, "a mapping of %llu bytes is more than seep looks through",
                            (unsigned long long)(mapping->end - mapping->start));
    return read_pages(process, mapping, ranges);
}

struct error *copy_survey(struct process *process, const struct mappings *mappings,
                          struct copy_ranges *ranges_ret, uint64_t *bytes_ret)
{
    struct copy_ranges ranges = {0};
    struct error *error = NULL;
    if (process->pagemap < 0)
        process->pagemap = openat(process->directory, "pagemap", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < mappings->length && !error; i++) {
        const struct mapping *mapping = &mappings->at[i];
        if (!copy_keeps(mapping))
            continue;
        /* What was not written yet is as in the file, and may be written after the instant. */
        if (mapping->is_file && mapping->end - mapping->start <= FILE_MAPPING_MAX)
            add(&ranges, mapping->start, mapping->end);
        else
            error = survey_pages(process, mapping, &ranges);
    }
    if (error) {
        VECTOR_DEINIT(&ranges);
        return error;
    }
    *bytes_ret = 0;
    for (size_t i = 0; i < ranges.length; i++)
        *bytes_ret += ranges.at[i].end - ranges.at[i].start;
    *ranges_ret = ranges;
    return NULL;
}

struct error *copy_touched(struct process *process, const struct mappings *mappings,
                           struct extents *touched_ret)
{
    struct copy_ranges ranges = {0};
    uint64_t bytes = 0;
    TRY(copy_survey(process, mappings, &ranges, &bytes));
    for (size_t i = 0; i < ranges.length; i++)
        extents_add(touched_ret, ranges.at[i].start, ranges.at[i].end);
    VECTOR_DEINIT(&ranges);
    return NULL;
}

static void bring_in(uint8_t *bytes, uint64_t size)
{
#ifdef MADV_POPULATE_WRITE
    if (madvise(bytes, size, MADV_POPULATE_WRITE) == 0)
        return;
#endif
    for (uint64_t at = 0; at < size; at += TARGET_PAGE)
        *(volatile uint8_t *)(bytes + at) = 0;
}

struct error *copy_init(struct copy *copy, uint64_t bytes, uint64_t slack_bytes)
{
    *copy = (struct copy){0};
    uint64_t room = (bytes + slack_bytes + LARGE_PAGE) / LARGE_PAGE * LARGE_PAGE;
    void *at = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    if (at == MAP_FAILED)
        return error_os(errno, "memory for a copy of %llu bytes", (unsigned long long)bytes);
    copy->bytes = at;
    copy->room_bytes = room;
    madvise(at, room, MADV_HUGEPAGE); /* where there is such a thing */
    bring_in(at, bytes);
    return NULL;
}

void copy_deinit(struct copy *copy)
{
    if (copy->bytes)
        munmap(copy->bytes, copy->room_bytes);
    VECTOR_DEINIT(&copy->ranges);
    *copy = (struct copy){0};
}

/* Where the copying stands: a place in the list of ranges. */
struct cursor_in {
    const struct copy_ranges *ranges;
    size_t next;
    uint64_t into; /* bytes of that range that are done */
};

static size_t fill(const struct cursor_in *from, struct iovec pieces[PIECES_MAX],
                   uint64_t *total_ret)
{
    size_t count = 0;
    uint64_t total = 0;
    uint64_t into = from->into;
    for (size_t i = from->next; i < from->ranges->length; i++, into = 0) {
        if (count == PIECES_MAX || total == CALL_BYTES_MAX)
            break;
        const struct copy_range *range = &from->ranges->at[i];
        uint64_t size = range->end - range->start - into;
        if (size > CALL_BYTES_MAX - total)
            size = CALL_BYTES_MAX - total;
        pieces[count++] =
            (struct iovec){.iov_base = (void *)(range->start + into), .iov_len = size};
        total += size;
    }
    *total_ret = total;
    return count;
}

static ssize_t transfer(struct process *process, uint8_t *to, const struct iovec *pieces,
                        size_t count, uint64_t total)
{
    if (process->only_memory_file)
        return pread(process->memory, to, pieces[0].iov_len, (off_t)(address)pieces[0].iov_base);
    struct iovec local = {.iov_base = to, .iov_len = total};
    return process_vm_readv(process->pid, &local, 1, pieces, count, 0);
}

/* Enters what came into the index. */
static void advance(struct copy *copy, struct cursor_in *cursor, uint64_t came)
{
    while (came) {
        const struct copy_range *range = &cursor->ranges->at[cursor->next];
        address at = range->start + cursor->into;
        uint64_t size = range->end - at < came ? range->end - at : came;
        struct copy_range *last =
            copy->ranges.length ? &copy->ranges.at[copy->ranges.length - 1] : NULL;
        if (last && last->end == at)
            last->end += size;
        else
            VECTOR_PUSH(
                &copy->ranges,
                (struct copy_range){.start = at, .end = at + size, .offset = copy->used_bytes});
        copy->used_bytes += size;
        came -= size;
        cursor->into += size;
        if (at + size == range->end) {
            cursor->next++;
            cursor->into = 0;
        }
    }
}

/* Steps over a page that cannot be read. */
static void leave_out(struct cursor_in *cursor)
{
    const struct copy_range *range = &cursor->ranges->at[cursor->next];
    cursor->into += TARGET_PAGE;
    if (cursor->into < range->end - range->start)
        return;
    cursor->next++;
    cursor->into = 0;
}

struct error *copy_take(struct copy *copy, struct process *process, struct copy_ranges *ranges,
                        int64_t deadline_ns)
{
    struct cursor_in cursor = {.ranges = ranges};
    while (cursor.next < ranges->length) {
        struct iovec pieces[PIECES_MAX];
        uint64_t total = 0;
        size_t count = fill(&cursor, pieces, &total);
        if (clock_now_ns() >= deadline_ns)
            return error_create(ERROR_LIMIT, "the time was over before all memory was copied");
        if (total > copy->room_bytes - copy->used_bytes)
            return error_create(ERROR_LIMIT, "its memory has grown since it was measured");
        ssize_t came = transfer(process, copy->bytes + copy->used_bytes, pieces, count, total);
        if (came > 0)
            advance(copy, &cursor, (uint64_t)came);
        else if (came < 0 && errno == ESRCH)
            return process_gone(process);
        else if (came < 0 && (errno == EPERM || errno == ENOSYS) && !process->only_memory_file)
            process->only_memory_file = true;
        else
            leave_out(&cursor);
    }
    return NULL;
}

/* The number of ranges that start at or before an address. */
static size_t ranges_before(const struct copy *copy, address at)
{
    size_t low = 0;
    size_t high = copy->ranges.length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (copy->ranges.at[middle].start <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const uint8_t *copy_at(const struct copy *copy, address at, uint64_t *left_ret)
{
    size_t before = ranges_before(copy, at);
    const struct copy_range *range = before ? &copy->ranges.at[before - 1] : NULL;
    if (range && at < range->end) {
        *left_ret = range->end - at;
        return copy->bytes + range->offset + (at - range->start);
    }
    *left_ret = before < copy->ranges.length ? copy->ranges.at[before].start - at : UINT64_MAX - at;
    return NULL;
}

uint64_t copy_measure(const struct copy *copy, address start, address end)
{
    uint64_t sum = 0;
    size_t before = ranges_before(copy, start);
    for (size_t i = before ? before - 1 : 0;
         i < copy->ranges.length && copy->ranges.at[i].start < end; i++) {
        const struct copy_range *range = &copy->ranges.at[i];
        address from = range->start > start ? range->start : start;
        address to = range->end < end ? range->end : end;
        sum += from < to ? to - from : 0;
    }
    return sum;
}

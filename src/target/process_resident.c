/* Which pages of a live process are resident: /proc/PID/pagemap, one 64-bit entry a page (Linux,
 * Documentation/admin-guide/mm/pagemap.rst). The heap is asked about in thousands of short ranges that follow each other, so the file is read a
 * window at a time. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "target/process.h"

static const uint64_t resident_max = UINT64_C(1) << 40;
/* Present, and mapped by this process alone (bit 56, Linux 4.2). The second leaves out the shared page of zeros, which the kernel puts
 * where memory was only ever read and which is not in the resident set. */
static const uint64_t present = UINT64_C(1) << 63, exclusive = UINT64_C(1) << 56,
                      of_file = UINT64_C(1) << 61;

static bool is_own(uint64_t entry, bool only_exclusive)
{
    return (entry & present) && (only_exclusive ? (entry & exclusive) : !(entry & of_file));
}

static struct error *unreadable(const struct process *process)
{
    return error_create(ERROR_UNSUPPORTED, "/proc/%d/pagemap cannot be read: %s", (int)process->pid,
                        strerror(errno));
}

/* Fills the window from `page` on. A count of 0 is the end of the address space, or the process is gone. */
static struct error *read_window(struct process *process, uint64_t page)
{
    struct pagemap_window *window = &process->window;
    if (process->pagemap < 0)
        process->pagemap = openat(process->directory, "pagemap", O_RDONLY | O_CLOEXEC);
    if (process->pagemap < 0)
        return unreadable(process);
    ssize_t length = pread(process->pagemap, window->entries, sizeof(window->entries),
                           (off_t)(page * sizeof(*window->entries)));
    if (length < 0)
        return unreadable(process);
    window->first = page;
    window->count = (size_t)length / sizeof(*window->entries);
    return NULL;
}

struct error *process_resident(struct target *target, address start, uint64_t size,
                               uint64_t *resident_ret)
{
    return process_resident_of((struct process *)target, true, start, size, resident_ret);
}

struct error *process_resident_of(struct process *process, bool only_exclusive, address start,
                                  uint64_t size, uint64_t *resident_ret)
{
    const struct pagemap_window *window = &process->window;
    uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE), resident = 0;
    if (size > resident_max || start > UINT64_MAX / 2 - size)
        return error_create(ERROR_LIMIT, "a range of %llu bytes is more than seep measures",
                            (unsigned long long)size);
    uint64_t end = size ? (start + size - 1) / page_size + 1 : start / page_size;
    for (uint64_t page = start / page_size; page < end; page++) {
        if (page < window->first || page - window->first >= window->count)
            TRY(read_window(process, page));
        if (!window->count)
            break;
        if (is_own(window->entries[page - window->first], only_exclusive))
            resident += page_size;
    }
    *resident_ret = resident < size ? resident : size;
    return NULL;
}

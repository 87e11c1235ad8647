/* Reading a live process: process_vm_readv, else pread on /proc/PID/mem where a seccomp filter or
 * the kernel refuses it.
 *
 * What costs time in process_vm_readv is not the bytes but the entries of the remote list: each is
 * pinned on its own (mm/process_vm_access.c). So neighbours become one remote entry, and the gaps
 * between them go to a scrap buffer. A gap of less than a page lies on pages that its neighbours
 * touch anyway: it brings no fault of its own. Reading 1,000 bytes of every 2 KiB takes half the
 * time so.
 *
 * The call stops at the first page that it cannot read and tells how many bytes came: the first
 * piece that is not whole is the one that failed. It is tried alone through /proc/PID/mem, which
 * also reads what is mapped without PROT_READ. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "target/process.h"

enum {
    BATCH_BYTES_MAX = 64 << 20,
    CHUNK_BYTES_MAX = 64 << 20, /* of one large piece */
};

static struct error *refused(const struct process *process)
{
    return error_create(ERROR_PERMISSION, "pid %d: its memory may not be read", (int)process->pid);
}

/* Some of it is only reserved. /proc/PID/mem would read that, and make the kernel put zero pages
 * there: leave it alone. */
static bool is_reserved(const struct process *process, address at, size_t size)
{
    const struct mappings *mappings = &process->target.mappings;
    for (const struct mapping *mapping = mappings_at(mappings, at);
         mapping && mapping < mappings->at + mappings->length && mapping->start < at + size;
         mapping++)
        if (!mapping->readable && !mapping->writable && !mapping->executable)
            return true;
    return false;
}

/* Reads all of a piece through /proc/PID/mem: 0 or an errno; ESRCH if the program is no more. */
static int read_memory_file(const struct process *process, address at, void *to, size_t size)
{
    uint8_t *out = to;
    if (process->memory < 0)
        return EFAULT;
    if (at > INT64_MAX)
        return EFAULT;
    while (size) {
        ssize_t length = pread(process->memory, out, size, (off_t)at);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return errno == EIO ? EFAULT : errno;
        if (length == 0)
            return ESRCH;
        at += (size_t)length;
        out += length;
        size -= (size_t)length;
    }
    return 0;
}

/* The same through process_vm_readv. */
static int read_vm(const struct process *process, address at, void *to, size_t size)
{
    uint8_t *out = to;
    while (size) {
        size_t part = size < CHUNK_BYTES_MAX ? size : CHUNK_BYTES_MAX;
        struct iovec local = {.iov_base = out, .iov_len = part};
        struct iovec remote = {.iov_base = (void *)at, .iov_len = part};
        ssize_t length = process_vm_readv(process->pid, &local, 1, &remote, 1, 0);
        if (length <= 0)
            return length ? errno : EFAULT;
        at += (size_t)length;
        out += length;
        size -= (size_t)length;
    }
    return 0;
}

static struct error *error_of(const struct process *process, int reason, address at, size_t size)
{
    switch (reason) {
    case ESRCH:
        return process_gone(process);
    case EPERM:
    case EACCES:
    case ENOSYS:
        return refused(process);
    default:
        return target_fault(at, size);
    }
}

struct error *process_read(struct target *target, address at, void *to, size_t size)
{
    struct process *process = (struct process *)target;
    int reason = EFAULT;
    if (!process->only_memory_file) {
        reason = read_vm(process, at, to, size);
        if (reason == 0)
            return NULL;
        if (reason == ESRCH || process->memory < 0)
            return error_of(process, reason, at, size);
        process->only_memory_file = reason == EPERM || reason == ENOSYS;
    }
    if (is_reserved(process, at, size))
        return target_fault(at, size);
    reason = read_memory_file(process, at, to, size);
    return reason ? error_of(process, reason, at, size) : NULL;
}

/* Puts as many pieces into the batch as fit, at most `pieces_max`; with the memory file only those
 * of one remote entry, since pread takes one address. */
static void fill(struct process *process, const struct read_request *requests, size_t count,
                 size_t pieces_max)
{
    struct batch *batch = &process->batch;
    size_t remote_max = process->only_memory_file ? 1 : PIECES_MAX;
    size_t locals = 0;
    size_t remotes = 0;
    size_t total = 0;
    size_t piece = 0;
    address end = 0;
    for (; piece < count && piece < pieces_max; piece++) {
        const struct read_request *request = &requests[piece];
        address gap = request->at - end;
        bool joins = remotes && request->at >= end && gap <= GAP_MAX;
        if (locals + 2 > PIECES_MAX || (!joins && remotes == remote_max))
            break;
        if (piece && total + request->size > BATCH_BYTES_MAX)
            break;
        if (joins) {
            if (gap)
                batch->local[locals++] = (struct iovec){.iov_base = process->scrap, .iov_len = gap};
            batch->remote[remotes - 1].iov_len += gap + request->size;
            total += gap;
        } else {
            batch->remote[remotes++] =
                (struct iovec){.iov_base = (void *)request->at, .iov_len = request->size};
        }
        batch->local[locals++] = (struct iovec){.iov_base = request->to, .iov_len = request->size};
        total += request->size;
        batch->ends[piece] = total;
        end = request->at + request->size;
    }
    batch->local_count = locals;
    batch->remote_count = remotes;
    batch->piece_count = piece;
    batch->total_bytes = total;
}

/* How many bytes came, or -errno. */
static ssize_t transfer(struct process *process)
{
    struct batch *batch = &process->batch;
    if (!batch->total_bytes)
        return 0;
    ssize_t length = 0;
    if (process->only_memory_file) {
        address at = (address)batch->remote[0].iov_base;
        if (at > INT64_MAX || is_reserved(process, at, batch->remote[0].iov_len))
            return -EFAULT;
        length = preadv(process->memory, batch->local, (int)batch->local_count, (off_t)at);
        if (length == 0)
            return -ESRCH;
    } else {
        length = process_vm_readv(process->pid, batch->local, batch->local_count, batch->remote,
                                  batch->remote_count, 0);
    }
    return length < 0 ? -errno : length;
}

/* Marks the pieces that came; returns how many did. */
static size_t settle(const struct batch *batch, struct read_request *requests, size_t length)
{
    size_t piece = 0;
    for (; piece < batch->piece_count && batch->ends[piece] <= length; piece++)
        requests[piece].failed = false;
    return piece;
}

/* The piece at which a transfer stopped, alone. */
static struct error *retry(struct process *process, struct read_request *request)
{
    int reason = EFAULT;
    if (!is_reserved(process, request->at, request->size))
        reason = read_memory_file(process, request->at, request->to, request->size);
    request->failed = reason != 0;
    if (reason == 0)
        return NULL;
    memset(request->to, 0, request->size);
    return reason == ESRCH ? process_gone(process) : NULL;
}

struct error *process_read_many(struct target *target, struct read_request *requests, size_t count)
{
    struct process *process = (struct process *)target;
    size_t pieces_max = PIECES_MAX;
    for (size_t done = 0; done < count;) {
        fill(process, requests + done, count - done, pieces_max);
        ssize_t length = transfer(process);
        if (length == -EINTR)
            continue;
        if (length == -EPERM || length == -ENOSYS) {
            if (process->memory < 0 || process->only_memory_file)
                return refused(process);
            process->only_memory_file = true;
            continue;
        }
        if (length == -ESRCH)
            return process_gone(process);
        size_t came = settle(&process->batch, requests + done, length < 0 ? 0 : (size_t)length);
        done += came;
        /* Where much fails, small batches: what stands behind the failure was prepared in vain. */
        if (came == process->batch.piece_count) {
            pieces_max = pieces_max * 2 < PIECES_MAX ? pieces_max * 2 : PIECES_MAX;
        } else {
            TRY(retry(process, &requests[done]));
            done++;
            pieces_max = 1;
        }
    }
    return NULL;
}

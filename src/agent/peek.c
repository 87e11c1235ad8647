#include "agent/peek.h"

#include <string.h>
#include <sys/uio.h>

enum {
    PIECES_MAX = 256
};

/* How many of the pieces one call read whole; those behind the first that can't be read are left out by the kernel. */
static size_t read_pieces(pid_t pid, struct read_request *requests, size_t count)
{
    struct iovec local[PIECES_MAX], remote[PIECES_MAX];
    for (size_t i = 0; i < count; i++) {
        local[i] = (struct iovec){requests[i].to, requests[i].size};
        remote[i] = (struct iovec){(void *)(uintptr_t)requests[i].at,
                                   requests[i].size}; /* of the other process */
    }
    ssize_t length = process_vm_readv(pid, local, count, remote, count, 0);
    size_t done = 0;
    for (ssize_t end = 0; done < count; done++) {
        end += (ssize_t)requests[done].size;
        if (end > length)
            break;
    }
    return done;
}

size_t peek_many(pid_t pid, struct read_request *requests, size_t count)
{
    size_t good = 0;
    for (size_t at = 0; at < count;) {
        size_t piece = count - at < PIECES_MAX ? count - at : PIECES_MAX;
        size_t done = read_pieces(pid, requests + at, piece);
        for (size_t i = 0; i < done; i++)
            requests[at + i].failed = false;
        good += done;
        at += done;
        if (done < piece) {
            requests[at].failed = true;
            memset(requests[at].to, 0, requests[at].size);
            at++;
        }
    }
    return good;
}

bool peek_at(pid_t pid, address at, void *to, size_t size)
{
    struct iovec local = {to, size}, remote = {(void *)(uintptr_t)at, size};
    return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

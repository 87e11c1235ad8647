/* A notice that one process keeps for another: one text, in memory of the kernel's (memfd_create(2)), which its keeper replaces and others read through a descriptor
 * that they were started with. It needs neither a file nor a reader that listens. */
#ifndef SEEP_BASE_NOTICE_H
#define SEEP_BASE_NOTICE_H

#include <stdint.h>

#include "base/error.h"

enum {
    NOTICE_MAX = 32 << 10 /* bytes of its text */
};

struct notice {
    int own, shown; /* -1: none; `shown` is for readers, and can only be read */
    uint64_t number;
};

/* Both descriptors are from `least` on, and closed by exec. Wants /proc. */
struct error *notice_create(int least, struct notice *notice_ret) NODISCARD;
void notice_close(struct notice *notice);

/* Replaces the text. One that is too long, or that cannot be written, leaves the one before. */
void notice_put(struct notice *notice, const char *text);

/* The text, newly made; NULL if there is none yet. Never half of one and half of another. */
char *notice_read(int shown);

#endif

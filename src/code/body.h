/* The machine code of one function, from the target. */
#ifndef SEEP_CODE_BODY_H
#define SEEP_CODE_BODY_H

#include "program/pclntab.h"
#include "target/target.h"

enum {
    BODY_MAX = 4 << 20
};

struct body {
    const uint8_t *bytes;
    size_t size;
    uint8_t *owned; /* NULL if the bytes are the executable's, in place */
};

/* In place where the executable holds them, else read. ERROR_LIMIT over BODY_MAX. The target must
 * outlive the body. */
struct error *body_read(struct target *target, const struct func *func,
                        struct body *body_ret) NODISCARD;
void body_deinit(struct body *body);

#define AUTO_BODY __attribute__((cleanup(body_deinit)))

#endif

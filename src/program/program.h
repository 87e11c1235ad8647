/* The compiled program: build info, tables and types of one target's executable, put together. */
#ifndef SEEP_PROGRAM_PROGRAM_H
#define SEEP_PROGRAM_PROGRAM_H

#include "program/buildinfo.h"
#include "program/moduledata.h"
#include "program/pclntab.h"
#include "program/types.h"
#include "target/target.h"

enum architecture {
    ARCH_AMD64,
    ARCH_ARM64
};

struct program {
    enum architecture arch;
    struct buildinfo info; /* empty if unreadable: info_missing says so */
    bool info_missing;
    char *build_id; /* or NULL */
    bool stripped;
    bool position_independent;
    bool dynamic; /* has an interpreter: may use cgo */
    struct moduledata module;
    struct pclntab pclntab;
    struct types *types;
};

/* Opens what is compiled. The runtime structs in `wanted` get layouts. Borrows the target. */
struct error *program_open(struct target *target, const char *const *wanted,
                           struct program **program_ret) NODISCARD;
void program_close(struct program *program);

/* Quick test for `ps` over an executable's file alone: is it a Go program? Reads build info (may
 * be empty) only. */
struct error *program_is_go(const struct elffile *file, bool *is_go_ret,
                            struct buildinfo *info_ret) NODISCARD;

#endif

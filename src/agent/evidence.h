/* What an inspection brought: the findings of a document of `seep inspect --json`, as far as a call rests on them. The document comes from a child that
 * read a hostile process: it is checked and bounded like anything else from outside. */
#ifndef SEEP_AGENT_EVIDENCE_H
#define SEEP_AGENT_EVIDENCE_H

#include <stdint.h>

#include "base/error.h"
#include "base/vector.h"

enum {
    EVIDENCE_FINDINGS_MAX = 64,
    EVIDENCE_REASONS_MAX = 12
};

/* A place in the source; the texts are "" where they are unknown. */
struct spot {
    char *function, *file;
    int32_t line;
};

struct evidence_finding {
    char *rule, *grade, *title, *fix;
    char *because; /* lines */
    struct spot at, started_at;
    uint64_t count, held_bytes; /* 0 unknown */
};

struct evidence {
    uint64_t pause_us; /* for how long the process was stopped */
    struct evidence_findings VECTOR_OF(struct evidence_finding) findings;
};

/* `json` has `length` bytes. */
struct error *evidence_read(const char *json, size_t length,
                            struct evidence *evidence_ret) NODISCARD;
void evidence_deinit(struct evidence *evidence);

void spot_deinit(struct spot *spot);

/* "main.(*Agent).publish metrics.go:56": the file without its folders; newly made. */
char *spot_name(const struct spot *spot);

#endif

/* What pclntab.c (functions and names) and pclntab_lines.c (tables over pcs) share. */
#ifndef SEEP_PROGRAM_PCLNTAB_INTERNAL_H
#define SEEP_PROGRAM_PCLNTAB_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "program/pclntab.h"

enum {
    PCLNTAB_HEADER_SIZE = 72,
    PCLNTAB_TABLES = 5
};

struct pclntab_header {
    uint32_t magic;
    unsigned quantum;
    uint64_t function_count;
    /* offsets from the header, ascending: names, units, files, pc tables, functions */
    uint64_t tables[PCLNTAB_TABLES];
};

/* The first PCLNTAB_HEADER_SIZE bytes; errors as pclntab_parse. */
struct error *pclntab_header_parse(const uint8_t *bytes, size_t size,
                                   struct pclntab_header *header_ret) NODISCARD;

/* Most of a sample of functions have a record that agrees with ftab, and a name. */
bool pclntab_is_plausible(const struct pclntab *table);

/* The text at an offset of a table; NULL if it is not within the table or has no end. */
const char *pclntab_text(const struct bytes *table, uint64_t offset);

#endif

/* runtime.moduledata: where the program's sections, tables and types are (runtime/symtab.go;
 * field order by release in docs/go-runtime.md). Found by the address of pclntab's header, which
 * is its first word, and checked. */
#ifndef SEEP_PROGRAM_MODULEDATA_H
#define SEEP_PROGRAM_MODULEDATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "program/pclntab.h"
#include "target/target.h"

struct moduledata {
    address at;
    address pc_header;
    address text, text_end;
    address noptrdata, noptrdata_end, data, data_end, bss, bss_end, noptrbss, noptrbss_end;
    address types, types_end;
    address gofunc;
    address rodata; /* what offsets of stack objects' pointer maps are relative to; 0 if not known */
    address gcdatamask_bytes, gcbssmask_bytes; /* 0 until the runtime has built them */
    uint64_t gcdatamask_bits, gcbssmask_bits;
    address next;
    bool confirmed; /* the type descriptor of runtime.moduledata gives the same order of fields */
};

/* Finds the first module of the target's executable and fills both; the caller ends the table
 * with pclntab_deinit(). Errors: not a Go program; a Go too old (< 1.18); a table that fails its
 * checks. */
struct error *moduledata_find(struct target *target, struct moduledata *module_ret,
                              struct pclntab *table_ret) NODISCARD;

#endif

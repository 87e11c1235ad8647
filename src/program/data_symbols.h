/* Names of variables, from the symbol table of an executable that is not stripped (ELF's .symtab, as cmd/link/internal/ld/symtab.go writes it). */
#ifndef SEEP_PROGRAM_DATA_SYMBOLS_H
#define SEEP_PROGRAM_DATA_SYMBOLS_H

#include "base/vector.h"
#include "target/target.h"

struct data_symbol {
    address at;
    uint64_t size;
    const char *name; /* of the file: escape before showing; lives as long as the target */
};

struct data_symbols VECTOR_OF(struct data_symbol); /* by address, none over another */

/* None if the file is stripped or its table makes no sense. */
void data_symbols_read(struct target *target, struct data_symbols *symbols_ret);

/* The variable that an address lies in, or NULL. */
const struct data_symbol *data_symbol_at(const struct data_symbols *symbols, address at);

#endif

/* Names of variables, from the symbol table of an executable that is not stripped (ELF's .symtab, as cmd/link/internal/ld/symtab.go writes it). */
#ifndef SEEP_PROGRAM_DATA_SYMBOLS_H
#define SEEP_PROGRAM_DATA_SYMBOLS_H

#include "base/vector.h"
#include "target/target.h"

struct data_symbol {
    address at;
    uint64_t size;
    const char *
        name; /* of the file: escape before showing; lives as long as the target; NULL: it has none */
    address from;  /* of one without a name: a word in the data that leads there; 0: not known */
    address owner; /* the start of the variable that it belongs to; its own, if to no other one */
};

struct data_symbols VECTOR_OF(struct data_symbol); /* by address, none over another */

/* None if the file is stripped or its table makes no sense. */
void data_symbols_read(struct target *target, struct data_symbols *symbols_ret);

/* Adds objects without names where no symbol is; where some lie over each other, the first and largest stays. One belongs to the variable that it is led to
 * from, perhaps by way of others; if that has no name either, to the word that leads there. */
void data_symbols_add(struct data_symbols *symbols, const struct data_symbols *nameless);

/* The variable that an address lies in, or NULL. */
const struct data_symbol *data_symbol_at(const struct data_symbols *symbols, address at);

#endif

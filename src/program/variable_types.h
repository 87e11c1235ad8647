/* The types of the program's variables, which only debug information tells (DWARF; cmd/link/internal/ld/dwarf.go, Go 1.18 to 1.27). What counts of a type is
 * its descriptor, whose address DWARF names (DW_AT_go_runtime_type). Not every type of a variable has one: then the parts that do are told. Where what
 * a pointer or a slice leads to has none and lies in the program's data (`var reg = &Registry{…}`; the linker drops the descriptor of a type that nobody asks
 * for), the object there is told as well. */
#ifndef SEEP_PROGRAM_VARIABLE_TYPES_H
#define SEEP_PROGRAM_VARIABLE_TYPES_H

#include "base/text.h"
#include "base/vector.h"
#include "program/program.h"

enum part_kind {
    PART_VALUE,   /* of the type */
    PART_POINTER, /* to a value of it */
    PART_SLICE,   /* of values of it */
    PART_CHANNEL, /* of values of it */
    PART_STRING,
    PART_ANY,     /* an interface without methods */
    PART_METHODS, /* one with methods */
    PART_FUNCTION,
};

/* A part of a variable. */
struct variable_part {
    uint64_t offset;
    address type; /* descriptor; 0: it has none, or what it leads to has none */
    char *name;   /* the way to it from the variable: ".first", "[3]"; NULL: it is all of it */
    enum part_kind kind;
};

struct variable_type {
    address at;
    uint64_t size;
    char *name; /* escaped; of an object without a name its type's */
    address
        from; /* of such an object: a word of a variable that leads there; 0: it is a variable */
    uint32_t first_part, part_count;
};

struct variable_types {
    struct variable_type_list
        VECTOR_OF(struct variable_type) list; /* by address, none over another */
    struct variable_part_list VECTOR_OF(struct variable_part) parts;
};

/* From the executable's own debug information or a separate file's (elf/debug_info.h); none if there is neither, or if it is of another program. */
void variable_types_read(struct target *target, const struct program *program,
                         struct variable_types *types_ret);
void variable_types_deinit(struct variable_types *types);

/* The variable that an address lies in, or NULL. */
const struct variable_type *variable_type_at(const struct variable_types *types, address at);

#endif

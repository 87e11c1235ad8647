/* Type descriptors: the program's own account of its types (internal/abi/type.go, Go 1.18 to
 * 1.27). From them come the layouts of the runtime's structs, so that there is no table of
 * offsets per release. */
#ifndef SEEP_PROGRAM_TYPES_H
#define SEEP_PROGRAM_TYPES_H

#include "base/error.h"
#include "program/moduledata.h"
#include "target/target.h"

struct layout_field {
    char *name;      /* with its path: "sched", "sched.sp" (nested structs down to 4 levels) */
    uint64_t offset; /* from the start of the outermost struct */
    uint64_t size;
    address type; /* descriptor */
};

struct layout {
    char *name; /* "runtime.g" */
    uint64_t size;
    address type; /* its descriptor */
    struct layout_field *fields;
    size_t field_count;
};

struct types;

/* Walks the descriptors between moduledata's types and etypes once, and keeps the layouts of the
 * named structs that `wanted` (NULL-terminated) lists. go_minor: 18 has its field offsets
 * shifted by one (reflect's structFieldOffset), -1 unknown: told from the data. Bounded: at most
 * 512 fields a struct, 4,096 a layout. A name that is not found is no error here. */
struct error *types_open(struct target *target, const struct moduledata *module, int go_minor,
                         const char *const *wanted, struct types **types_ret) NODISCARD;
void types_close(struct types *types);

/* NULL if the program has no such descriptor. */
const struct layout *types_layout(const struct types *types, const char *name);

/* False if there is no such field. */
bool layout_field(const struct layout *layout, const char *name, struct layout_field *field_ret);

/* Name of the type at a descriptor's address ("*main.Job", "chan int", "struct {}"), escaped;
 * cached, owned by types; "?" if it can't be read. */
const char *types_name(struct types *types, address type);

#endif

/* What the files about type descriptors share. */
#ifndef SEEP_PROGRAM_TYPES_INTERNAL_H
#define SEEP_PROGRAM_TYPES_INTERNAL_H

#include "base/u64map.h"
#include "base/vector.h"
#include "program/types.h"

enum {
    NAME_READ_MAX = 1024
};

enum offset_form {
    OFFSETS_PLAIN,
    OFFSETS_SHIFTED,
    OFFSETS_UNKNOWN
};

struct names VECTOR_OF(char *);
struct layouts VECTOR_OF(struct layout);

struct types {
    struct target *target;
    address start, end;
    int go_minor; /* -1 unknown */
    enum offset_form offset_form;
    struct layouts layouts;
    struct u64map name_index; /* by descriptor */
    struct names names;
};

struct name_text {
    const char *at;
    size_t size;
    bool cut;
    char room[NAME_READ_MAX];
};

/* abi.Name: a byte of flags, the length as a varint, the text. Of a name longer than NAME_READ_MAX only the front is read. */
struct error *types_read_name(struct types *types, address at, struct name_text *name) NODISCARD;

#endif

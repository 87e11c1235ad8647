/* One type descriptor of any kind, read and checked (internal/abi/type.go, map_swiss.go, runtime/type.go; Go 1.18 to 1.27). */
#ifndef SEEP_PROGRAM_TYPE_INFO_H
#define SEEP_PROGRAM_TYPE_INFO_H

#include "base/text.h"
#include "program/types.h"

enum type_kind { /* abi.Kind */
    KIND_BOOL = 1,
    KIND_UINT8 = 8,
    KIND_UINTPTR = 12,
    KIND_COMPLEX128 = 16,
    KIND_ARRAY = 17,
    KIND_CHAN = 18,
    KIND_FUNC = 19,
    KIND_INTERFACE = 20,
    KIND_MAP = 21,
    KIND_POINTER = 22,
    KIND_SLICE = 23,
    KIND_STRING = 24,
    KIND_STRUCT = 25,
    KIND_UNSAFE_POINTER = 26,
};

enum {
    TYPE_FIELDS_MAX = 1 << 12, /* of one struct; those behind are not seen */
};

struct type_info {
    address at;
    uint64_t size, pointer_bytes;
    uint32_t hash;
    uint8_t kind;
    bool direct; /* an interface holds the value itself, which is one pointer */
    bool named;
    address element;    /* of an array, channel, pointer, slice, map; 0 else */
    address key, group; /* of a map; group: its buckets, or groups since 1.24 */
    uint64_t length;    /* of an array; methods of an interface */
    address fields;     /* of a struct */
    uint64_t field_count;
};

struct type_field {
    address name, type;
    uint64_t offset;
};

/* False if there is no descriptor that makes sense. Types that reflect made at run time lie in the heap and are read as well. */
bool type_info_read(struct types *types, address at, struct type_info *info_ret);

/* The fields of a struct, those that lie within it, at most `max` from the first-th on; returns how many were looked at. */
size_t type_info_fields(struct types *types, const struct type_info *info, uint64_t first,
                        struct type_field *fields_ret, size_t max);

/* Adds a field's name, escaped; "?" if it can't be read. */
void type_field_name(struct types *types, const struct type_field *field, struct text *name);

#endif

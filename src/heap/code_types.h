/* What the program's code says of types, where nothing else does: a stripped program has no types of variables, and a closure tells its function but not what it
 * captures. The code that makes a thing names its type (runtime.newobject, makeslice, makechan, makemap, the functions of maps), and stores it somewhere;
 * a method with a pointer receiver names it in its own name. */
#ifndef SEEP_HEAP_CODE_TYPES_H
#define SEEP_HEAP_CODE_TYPES_H

#include "base/u64map.h"
#include "base/vector.h"
#include "code/summary.h"
#include "program/type_names.h"

enum code_type_kind {
    CODE_NOTHING,
    CODE_VALUE,   /* the variable is a value of the type */
    CODE_POINTER, /* it points to one */
    CODE_SLICE,   /* it points to an array of them: a slice's first word */
    CODE_MAP,     /* the type is the map's */
    CODE_CHANNEL, /* the type is the channel's */
};

struct code_type {
    address at; /* of the variable */
    address type;
    enum code_type_kind kind;
};

struct code_types {
    struct target *target;
    const struct program *program;
    struct type_names names;
    struct decoder *decoder;
    struct summary_context context;
    struct u64map functions; /* hash of a name -> index + 1 */
    struct u64map seen;      /* entries of functions that were looked at */
    struct u64map makers;    /* runtime functions by entry: enum maker */
    struct code_type_list VECTOR_OF(struct code_type) variables;
    struct functions VECTOR_OF(address) more; /* entries of those that name other variables */
    struct u64map captures;                   /* entry of a closure's function -> index of a type */
    struct captured_types VECTOR_OF(address) types; /* of the structs that closures are */
    uint64_t spent;                                 /* bytes of code */
    unsigned depth;
};

/* Errors: the code can't be decoded at all. */
struct error *code_types_open(struct target *target, const struct program *program,
                              struct code_types *types_ret) NODISCARD;
void code_types_close(struct code_types *types);

/* Adds what the code says of the first `count` variables at these addresses to `variables`, in no order, perhaps several times. Of the `more` ones behind them
 * code_types_of_more() does so later, when other questions have had their share of the time. All are at most DATA_USERS_VARIABLES. */
void code_types_of_variables(struct code_types *types, const address *variables, size_t count,
                             size_t more);
void code_types_of_more(struct code_types *types);

/* The struct that a closure of this function is; 0 if that was not found. */
address code_type_of_closure(struct code_types *types, const struct func *func);

/* What the call that returns to `pc` makes, by the code around it: CODE_POINTER: a value; CODE_SLICE: an array; CODE_MAP: it may be buckets of that map. */
struct code_type code_type_of_call(struct code_types *types, address pc);

/* Of a method value, whose closure holds the receiver behind the function: the type that the receiver points to; 0 of other closures. */
address code_receiver_of_closure(const struct code_types *types, const struct func *func);

#endif

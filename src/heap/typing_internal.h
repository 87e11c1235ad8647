/* What the files of typing share: objects with their forms, claims about them, and the queue of those that are to be followed. */
#ifndef SEEP_HEAP_TYPING_INTERNAL_H
#define SEEP_HEAP_TYPING_INTERNAL_H

#include "base/u64map.h"
#include "heap/forms.h"
#include "heap/heap.h"
#include "heap/samples.h"
#include "heap/typing.h"

enum {
    CLAIMS_AT_A_TIME = 256,
    TYPING_WAY_SHIFT = 28 /* forms are fewer than 2^28 */
};

struct variable_type; /* program/variable_types.h */

/* Somebody holds a pointer and says what it leads to. */
struct claim {
    uint64_t word;
    uint64_t extent; /* bytes that must be there; several values: of all of them */
    uint32_t form;   /* 0: a closure, whose first word will tell */
    uint8_t way;
};

/* A value, or several, in the program's data instead of the heap (typing_statics.c). */
struct static_object {
    address at;
    uint64_t size;
    address from; /* of a word in the data that leads there; 0: none is known */
    uint32_t form;
    uint8_t way;
};

/* Where a copy of some data comes from. */
struct origin {
    address at; /* 0: not from the program's data */
    const uint8_t *bytes;
    const uint8_t *leaf; /* in it: what is followed now */
};

struct typing {
    struct heap *heap;
    const struct observation *observation;
    const struct variable_types *variables;
    struct forms forms;
    struct code_types code;
    uint32_t *known;   /* by object: its form, and in the high bits how that is known */
    uint64_t *pending; /* a bit per object: its pointers have not been followed */
    uint32_t *queue;   /* spans with pending objects: a ring with room for all */
    uint8_t *queued;   /* by span */
    size_t queue_first, queue_length;
    struct claim claims[CLAIMS_AT_A_TIME]; /* not yet looked up */
    size_t claim_count;
    uint32_t *fits; /* by span: bytes; what is no larger would not have come into this size class */
    uint32_t tiny;  /* its form */
    uint64_t typed; /* objects */
    uint64_t contradictions, misfits;
    uint64_t budget; /* leaves of an object: a made-up type may have more than words */
    unsigned depth;
    struct samples samples;
    struct statics VECTOR_OF(struct static_object) statics;
    struct u64map static_index;
    size_t statics_followed;
    uint64_t static_bytes;
    struct origin origin;
};

static inline uint32_t typing_known_form(const struct typing *typing, uint32_t number)
{
    return typing->known[number] & ((1u << TYPING_WAY_SHIFT) - 1);
}

static inline enum typing_way typing_known_way(const struct typing *typing, uint32_t number)
{
    return (enum typing_way)(typing->known[number] >> TYPING_WAY_SHIFT);
}

/* typing_claims.c: notes a claim; by the next typing_drain() at the latest it is judged. */
void typing_claim(struct typing *typing, uint64_t word, uint32_t form, uint64_t extent,
                  enum typing_way way);
void typing_judge(struct typing *typing);

/* typing_statics.c: the same of a pointer into the program's data. */
void typing_claim_static(struct typing *typing, uint64_t word, uint32_t form, uint64_t extent,
                         enum typing_way way);

/* Follows those that nobody followed; false if there are none. */
bool typing_follow_statics(struct typing *typing);

static inline bool typing_is_data(const struct typing *typing, uint64_t word)
{
    const struct moduledata *module = &typing->heap->runtime->program->module;
    return word - module->noptrdata < module->noptrbss_end - module->noptrdata;
}

/* What is followed from now on is a copy of what stands at an address of the program's data; 0: it is not. */
static inline void typing_from(struct typing *typing, address at, const void *bytes)
{
    typing->origin = (struct origin){.at = at, .bytes = bytes, .leaf = bytes};
}

/* typing_follow.c: judges all claims and follows what they lead to, until there are none. */
void typing_drain(struct typing *typing);

/* What the value of a form at `bytes` (`room` of them) holds leads to; `way` is how strong that is. */
void typing_follow_value(struct typing *typing, uint32_t form, const uint8_t *bytes, uint64_t room,
                         enum typing_way way);

/* The same for a single leaf of a value. */
void typing_follow_leaf(struct typing *typing, const struct leaf *leaf, const uint8_t *value,
                        uint64_t room, enum typing_way way);

/* Where the object's first value begins: behind the header, if it has one. */
static inline unsigned typing_payload(const struct object_span *span)
{
    return span->format == POINTERS_HEADER ? 8 : 0;
}

static inline bool typing_is_noscan(const struct typing *typing, uint32_t span)
{
    return typing->heap->objects.source[span].class & 1;
}

/* typing_pairs.c: a word that is no pointer, and one behind it that is: perhaps an interface. The second stands `at` an address of the program's data; 0: elsewhere. */
void typing_claim_pair(struct typing *typing, uint64_t before, uint64_t word, address at);

/* typing_variables.c: the way to what stands at an address within the variable; false if it is not known. */
bool typing_variable_field(struct typing *typing, const struct variable_type *variable, address at,
                           struct text *field);

/* Seeds. */
void typing_seed_headers(struct typing *typing);
void typing_seed_runtime(struct typing *typing);
void typing_seed_variables(struct typing *typing);
void typing_seed_stacks(struct typing *typing);
void typing_seed_code(struct typing *typing);
void typing_seed_more_code(struct typing *typing);
void typing_seed_samples(struct typing *typing);
struct error *typing_seed_pairs(struct typing *typing) NODISCARD;
void typing_seed_unknown(struct typing *typing);

#endif

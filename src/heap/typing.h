/* What each object of the heap is: a value of a Go type, an array of them, or one of the things that the runtime makes for maps, channels, closures and
 * strings. Go tells the type of few objects (those over 512 bytes with pointers, since 1.22). The rest follows from who points to them: seeds are typed
 * first, and what typed memory points to is typed by the static type of the pointer, object by object.
 *
 * What is told in two ways keeps the stronger one; the weaker is counted if it contradicts. An object that nobody tells anything of has form 0: its name
 * is its size, and where it was made if the profile sampled it. */
#ifndef SEEP_HEAP_TYPING_H
#define SEEP_HEAP_TYPING_H

#include "base/text.h"
#include "heap/heap.h"
#include "program/data_symbols.h"

struct variable_types; /* program/variable_types.h */

/* How an object's form is known: the weakest first. */
enum typing_way {
    TYPED_NOT,
    TYPED_WITHIN, /* a pointer of that type leads to it, but it is larger: the value is its beginning, or one of several */
    TYPED_PAIR,   /* two words that look like an interface */
    TYPED_PARENT, /* by the type of the pointer that a typed object holds */
    TYPED_CODE, /* closures and what is known from the code that makes them; arguments on stacks */
    TYPED_VARIABLE,  /* by the type of a variable, which DWARF tells */
    TYPED_RUNTIME,   /* the runtime's own lists */
    TYPED_INTERFACE, /* by an interface that holds it */
    TYPED_HEADER,    /* Go says so */
    TYPED_WAYS,
};

struct typing_facts {
    uint64_t objects, bytes; /* typed ones */
    uint64_t by_way[TYPED_WAYS], bytes_by_way[TYPED_WAYS];
    uint64_t contradictions; /* claims that a stronger one overrules */
    uint64_t misfits;        /* claims that the object's own pointer map, size or class refutes */
};

struct typing;

/* By an observation of the same instant, with stacks. `variables` may be NULL. Borrows all of them. Errors: the program's variables can't be read. */
struct error *typing_open(struct heap *heap, const struct observation *observation,
                          const struct variable_types *variables,
                          struct typing **typing_ret) NODISCARD;
void typing_close(struct typing *typing);

/* The form of an object by its number: the same number, the same name. 0: not known. */
uint32_t typing_form(const struct typing *typing, uint32_t number);
enum typing_way typing_way(const struct typing *typing, uint32_t number);

/* How many forms there are, so that they can count as indices of an array. */
uint32_t typing_forms(const struct typing *typing);

/* "main.Session", "[]main.item", "map buckets of map[string]*main.Session", "closure of main.serve.func1"; escaped; owned by typing. Of form 0:
 * "?". */
const char *typing_form_name(struct typing *typing, uint32_t form);

/* The same for an object; of one without a form its size and whether it holds pointers, "64 B with pointers", and, if it was sampled by Go's heap profile,
 * " from main.load (cache.go:31)". Adds to `name`. */
void typing_name(struct typing *typing, struct object object, struct text *name);

/* Adds where the object was made, "main.load (cache.go:31)"; false if Go's heap profile did not sample it. */
bool typing_place(const struct typing *typing, struct object object, struct text *place);

/* How many values of its type an object holds: 1, or of an array as many as fit its slot. 0 without a form. */
uint64_t typing_count(struct typing *typing, struct object object);

/* How many entries a map says that it has, and its seed, which it changes when it becomes empty; false if the object is no map's header, or can't be read. */
bool typing_map_count(const struct typing *typing, struct object object, uint64_t *count_ret,
                      uint64_t *seed_ret);

/* Adds the way from an object to what stands `offset` bytes from its start: ".buf", "[17].name", ".next", "[…]" of map buckets. Nothing if that is not known; false
 * then. */
bool typing_field(struct typing *typing, struct object object, uint64_t offset, struct text *field);

/* Objects in the program's data that have no name, but that something typed leads to, as `var reg = &Registry{…}` does (cmd/compile/internal/staticinit): added
 * to the variables that have names, where none of these lies (data_symbols_add). */
void typing_add_statics(const struct typing *typing, struct data_symbols *symbols);

/* Adds what such an object is: "main.Registry". False if nothing is known to begin there. */
bool typing_static_name(struct typing *typing, address start, struct text *name);

/* Adds the way from the start of a variable or of such an object to the address of a word in it: ".buf", "[3].name". Nothing if that is not known; false then. */
bool typing_data_field(struct typing *typing, address start, address at, struct text *field);

/* Totals over the objects with a bit in `reached`; NULL: over all typed ones. */
void typing_facts(const struct typing *typing, const uint64_t *reached,
                  struct typing_facts *facts_ret);

const char *typing_way_name(enum typing_way way);

#endif

/* Go's pc-line table: from a code address to function, file, line, inlined calls, frame size, pc
 * data (runtime/symtab.go, internal/abi/symtab.go, Go 1.18 to 1.27; older formats are
 * unsupported).
 *
 * Works on bytes in place, over tables whose bounds come from moduledata; every look-up is
 * checked, a broken table gives "unknown", never a fault. Names are raw bytes of the file,
 * NUL-terminated within the table: escape before showing. */
#ifndef SEEP_PROGRAM_PCLNTAB_H
#define SEEP_PROGRAM_PCLNTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "target/address.h"

enum { /* indices of the tables, internal/abi/symtab.go */
    PCDATA_STACK_MAP_INDEX = 1,
    PCDATA_INL_TREE_INDEX = 2,
    FUNCDATA_ARGS = 0,
    FUNCDATA_LOCALS = 1,
    FUNCDATA_STACK_OBJECTS = 2,
    FUNCDATA_INL_TREE = 3,
    FUNCDATA_OPEN_CODED_DEFER_INFO = 4,
    FUNCDATA_ARG_INFO = 5,
    FUNCDATA_WRAP_INFO = 7,
};

enum { /* func flags */
    FUNC_TOP_FRAME = 1,
    FUNC_SP_WRITE = 2,
    FUNC_ASM = 4,
};

struct bytes {
    const uint8_t *at;
    size_t size;
};

struct pclntab {
    uint32_t magic;
    unsigned quantum; /* 1 amd64, 4 arm64 */
    uint64_t function_count;
    bool has_start_line; /* 1.20+: _func with startLine, inlined calls of 16 bytes */
    struct bytes names, cu_table, files, pc_tables,
        functions;          /* funcnametab, cutab, filetab, pctab, pclntable */
    struct bytes ftab;      /* {entryoff u32, funcoff u32}[function_count + 1] */
    struct bytes func_data; /* moduledata.gofunc … as far as it is known */
    address text, text_end;
    address go_func; /* address of func_data */
    int wrapper_id;  /* funcID of what the compiler made; -1 unknown */
    void *owned[2];  /* copies of tables that the executable's file does not hold */
};

/* One function. All zero is "no function". */
struct func {
    uint32_t index;
    address entry;
    address end;
    const uint8_t *record; /* _func, whole within `functions` (checked by pclntab_func) */
    uint32_t record_room;  /* bytes from record to the end of `functions` */
    uint8_t flags, func_id;
    uint32_t pcsp, pcfile, pcln, pcdata_count, funcdata_count, cu_offset, deferreturn;
    int32_t name_offset, start_line; /* start_line 0 before 1.20 */
};

struct source_frame {
    const char *function; /* raw, never NULL ("?" if unknown) */
    const char *file;     /* raw; NULL if unknown */
    int32_t line;         /* 0 if unknown */
    bool inlined;         /* into the next one */
    bool wrapper;         /* made by the compiler (deferwrap, gowrap, …): not in Go's own dumps */
    address entry;        /* of the physical function */
};

enum {
    PCLNTAB_INLINE_MAX = 64
};

/* The header alone, at `bytes`; fills magic, quantum, function_count, has_start_line and the
 * five tables, whose offsets are relative to the header and limited by size (`functions` reaches
 * to the end). text, text_end and what belongs to func_data are the caller's to fill: the header
 * does not know them. Tables older than Go 1.18: ERROR_UNSUPPORTED. */
struct error *pclntab_parse(const uint8_t *bytes, size_t size, struct pclntab *table_ret) NODISCARD;

/* Frees the copies in `owned`; a table over the caller's bytes has none. */
void pclntab_deinit(struct pclntab *table);

/* Finds wrapper_id, whose number changes with the release: what runtime.deferreturn has
 * (cmd/internal/objabi/funcid.go, all releases). */
void pclntab_find_wrapper_id(struct pclntab *table);

/* The function that holds pc; false if none. */
bool pclntab_func(const struct pclntab *table, address pc, struct func *func_ret);

/* The n-th function. */
bool pclntab_func_at(const struct pclntab *table, uint64_t index, struct func *func_ret);

/* The first function of that name, by a search through all: a few look-ups a run. */
bool pclntab_func_named(const struct pclntab *table, const char *name, struct func *func_ret);

const char *func_name(const struct pclntab *table, const struct func *func);

/* A raw name for people, escaped, type arguments as "[...]" (as Go's own dumps do:
 * runtime/symtab.go, funcNameForPrint). The caller frees. */
char *function_shown(const char *raw);

/* SP delta at pc: bytes between SP and the caller's frame (amd64: below the return address).
 * False if unknown. */
bool func_sp_delta(const struct pclntab *table, const struct func *func, address pc,
                   int32_t *delta_ret);

/* PCDATA value at pc, -1 if there is none. */
int32_t func_pcdata(const struct pclntab *table, const struct func *func, unsigned which,
                    address pc);

/* Address of a FUNCDATA blob, 0 if none. */
address func_funcdata(const struct pclntab *table, const struct func *func, unsigned which);

/* Bytes of arguments and results on the stack (_func.args), -1 if that is not known. */
int32_t func_argument_bytes(const struct func *func);

/* The same as bytes (to the end of func_data); empty if none. */
struct bytes func_funcdata_bytes(const struct pclntab *table, const struct func *func,
                                 unsigned which);

/* How many words the arguments take at most (strings two, floats counted too, and the dictionary of
 * a generic function), -1 if that is not
 * told: FUNCDATA_ArgInfo, which tracebacks print arguments by (internal/abi/symtab.go,
 * runtime/traceback.go printArgs). */
int func_argument_words(const struct pclntab *table, const struct func *func);

/* File and line at pc of the physical function; *file_ret NULL and *line_ret 0 if unknown. */
void func_line(const struct pclntab *table, const struct func *func, address pc,
               const char **file_ret, int32_t *line_ret);

/* All source frames at pc (the pc of the instruction itself: for a return address pass it minus
 * 1), innermost first; a loop in the inline tree ends at PCLNTAB_INLINE_MAX. Returns how many
 * were written, at least 1 if max > 0 and pc is in a function, else 0. The last is the physical
 * function, unless max cut it off. */
size_t pclntab_frames(const struct pclntab *table, address pc, struct source_frame *frames,
                      size_t max);

#endif

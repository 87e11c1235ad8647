/* An ELF file for reading: executables, shared objects, core files; 64-bit little endian. libelf
 * reads the tables, whose bounds are checked against the file's size first.
 *
 * The file is mapped read-only and stays mapped until elffile_close(); every pointer handed out
 * lives as long. If somebody truncates the file meanwhile, the process ends with one line and exit
 * status 2 (a SIGBUS handler that elffile_open installs once). Names borrowed from the file are
 * raw: escape before showing. */
#ifndef SEEP_ELF_ELFFILE_H
#define SEEP_ELF_ELFFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct elf_segment {
    uint32_t type;    /* PT_LOAD, PT_NOTE, … */
    uint32_t flags;   /* PF_R, PF_W, PF_X */
    uint64_t address; /* as linked */
    uint64_t memory_size;
    uint64_t offset;    /* in the file */
    uint64_t file_size; /* as the header says */
    uint64_t
        present_size; /* of these, how many the file has: less than file_size if it was cut off */
    uint64_t alignment;
};

struct elf_section {
    const char *name;
    uint64_t address; /* 0 if not loaded */
    uint64_t size;
    const uint8_t *bytes; /* NULL for SHT_NOBITS or if out of the file's bounds */
};

struct elf_note {
    const char *name; /* "CORE", "GNU", "Go" */
    uint32_t type;
    const uint8_t *bytes;
    size_t size;
};

struct elffile {
    char *path; /* for messages; escaped */
    const uint8_t *bytes;
    size_t size;
    uint16_t type;    /* ET_EXEC, ET_DYN, ET_CORE */
    uint16_t machine; /* EM_X86_64, EM_AARCH64; others are unsupported */
    uint64_t entry;
    struct elf_segment *segments;
    size_t segment_count;
    struct elf_section *sections; /* none if the table is missing or broken */
    size_t section_count;
    bool has_interpreter; /* PT_INTERP: dynamically linked */
    bool is_mapped;       /* by elffile_open: close unmaps */
};

/* Opens and maps a file. Errors: not there, no permission, not an ELF file, truncated header,
 * 32-bit or big endian (unsupported), a machine other than amd64 and arm64. `shown` is the name for
 * messages (NULL: path itself). Close-on-exec. */
struct error *elffile_open(const char *path, const char *shown,
                           struct elffile **file_ret) NODISCARD;

/* The same over bytes that the caller keeps alive: for tests and fuzzing. */
struct error *elffile_open_bytes(const uint8_t *bytes, size_t size, const char *shown,
                                 struct elffile **file_ret) NODISCARD;

void elffile_close(struct elffile *file);

/* NULL if there is none of that name. */
const struct elf_section *elffile_section(const struct elffile *file, const char *name);

/* A symbol table (.symtab) with at least one function in it: the file is not stripped. */
bool elffile_has_symbols(const struct elffile *file);

/* The bytes of a PT_LOAD at a linked address: pointer into the file and how many follow within the
 * segment's file part; NULL if the address is not in the file. writable_ret (may be NULL): the
 * segment has PF_W. */
const uint8_t *elffile_at(const struct elffile *file, uint64_t address, size_t *left_ret,
                          bool *writable_ret);

/* GNU build id as lower-case hex, else Go's build id (.note.go.buildid) escaped; NULL if none. The
 * caller frees. */
char *elffile_build_id(const struct elffile *file);

/* Calls `each` for every note in PT_NOTE segments until it returns false. Broken notes end the walk
 * with an error. */
struct error *elffile_notes(const struct elffile *file,
                            bool (*each)(const struct elf_note *note, void *context),
                            void *context) NODISCARD;

#endif

/* What Go's linker says of the build: the .go.buildinfo blob (debug/buildinfo, Go 1.18 to 1.27;
 * kept by -s -w). */
#ifndef SEEP_PROGRAM_BUILDINFO_H
#define SEEP_PROGRAM_BUILDINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vector.h"
#include "elf/elffile.h"

/* A module that the program is built from, beside its main one. */
struct build_module {
    char *path;    /* escaped */
    char *version; /* of what replaces it, if something does; escaped, may be empty */
};

struct buildinfo {
    char *go_version;   /* "go1.26.8", "go1.26.8 X:nogreenteagc"; escaped; NULL if unknown */
    int go_minor;       /* 26, also of "go1.26rc1" and "devel go1.26-abcdef"; -1 if unknown */
    char *main_path;    /* path of the main package, escaped or NULL */
    char *main_module;  /* module path, escaped or NULL */
    char *main_version; /* "v1.2.3", "(devel)" or NULL; escaped */
    char *vcs_revision; /* NULL if not stamped; escaped */
    bool vcs_modified;
    struct build_modules VECTOR_OF(struct build_module) modules; /* in the file's order */
    char *release;                                               /* made by buildinfo_release */
};

/* Reads the blob: section .go.buildinfo, else the 16-byte aligned magic in the writable segments
 * (their first 4 MiB). ERROR_NOT_FOUND if the file is not Go's or has none; ERROR_BAD_DATA if it
 * is broken. Up to Go 1.17 (pointer format): ERROR_UNSUPPORTED. */
struct error *buildinfo_read(const struct elffile *file, struct buildinfo *info_ret) NODISCARD;

/* The parser alone, over the blob that starts with the magic: for tests and fuzzing. */
struct error *buildinfo_parse(const uint8_t *bytes, size_t size,
                              struct buildinfo *info_ret) NODISCARD;

void buildinfo_deinit(struct buildinfo *info);

/* The name of the release for people: the module version if it is a real one, else the revision
 * (first 12, "+dirty" if modified); NULL if neither. *source_ret: "module" or "vcs". Static or
 * owned by info; not freed. */
const char *buildinfo_release(struct buildinfo *info, const char **source_ret);

#endif

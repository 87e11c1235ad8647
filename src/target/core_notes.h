/* What the notes of a core file say: threads, mapped files, the auxiliary vector. */
#ifndef SEEP_TARGET_CORE_NOTES_H
#define SEEP_TARGET_CORE_NOTES_H

#include "base/vector.h"
#include "elf/elffile.h"
#include "target/target.h"

struct core_file {
    address start;
    address end;
    uint64_t offset;
    const char *path; /* raw, borrowed from the core */
};
struct core_files VECTOR_OF(struct core_file);
struct core_threads VECTOR_OF(struct thread_registers);

struct core_notes {
    struct core_threads threads; /* sorted by tid */
    struct core_files files;     /* NT_FILE, sorted by start */
    pid_t pid;                   /* 0 if unknown */
    char comm[17];               /* raw */
    bool has_entry;
    address entry;  /* AT_ENTRY */
    address execfn; /* AT_EXECFN: where the path stands that was given to exec; 0 if unknown */
};

/* What is broken in the notes is left out. */
void core_notes_read(const struct elffile *core, struct core_notes *notes_ret);
void core_notes_deinit(struct core_notes *notes);

/* The mapped file at an address, or NULL. */
const struct core_file *core_notes_file_at(const struct core_notes *notes, address at);

#endif

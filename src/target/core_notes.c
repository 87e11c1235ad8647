/* The notes of a core file, as the kernel writes them (fs/binfmt_elf.c, include/linux/elfcore.h)
 * and gcore after it. The offsets within NT_PRSTATUS and NT_PRPSINFO are those of a 64-bit kernel
 * and are the same on amd64 and arm64 up to the registers. */
#include "target/core_notes.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "target/registers.h"

enum {
    PRSTATUS_TID = 32,
    PRSTATUS_REGISTERS = 112,
    PRPSINFO_PID = 24,
    PRPSINFO_NAME = 40,
    PRPSINFO_NAME_SIZE = 16,
};

struct reading {
    const struct elffile *core;
    struct core_notes *notes;
};

static void read_thread(const struct reading *reading, const struct elf_note *note)
{
    struct thread_registers thread;
    uint32_t tid = 0;
    if (!bytes_u32(note->bytes, note->size, PRSTATUS_TID, &tid) ||
        note->size < PRSTATUS_REGISTERS ||
        !registers_decode(reading->core->machine == EM_X86_64, note->bytes + PRSTATUS_REGISTERS,
                          note->size - PRSTATUS_REGISTERS, &thread))
        return;
    thread.tid = (pid_t)tid;
    if (!reading->notes->pid)
        reading->notes->pid = thread.tid; /* until NT_PRPSINFO tells */
    VECTOR_PUSH(&reading->notes->threads, thread);
}

static void read_process(struct core_notes *notes, const struct elf_note *note)
{
    uint32_t pid = 0;
    if (bytes_u32(note->bytes, note->size, PRPSINFO_PID, &pid) && pid)
        notes->pid = (pid_t)pid;
    if (note->size >= PRPSINFO_NAME + PRPSINFO_NAME_SIZE)
        memcpy(notes->comm, note->bytes + PRPSINFO_NAME, PRPSINFO_NAME_SIZE);
}

static void read_auxv(struct core_notes *notes, const struct elf_note *note)
{
    for (uint64_t at = 0; at + 16 <= note->size; at += 16) {
        uint64_t key = 0;
        uint64_t value = 0;
        if (!bytes_u64(note->bytes, note->size, at, &key) ||
            !bytes_u64(note->bytes, note->size, at + 8, &value))
            return;
        if (key == AT_ENTRY) {
            notes->entry = value;
            notes->has_entry = true;
        } else if (key == AT_EXECFN) {
            notes->execfn = value;
        }
    }
}

/* Count and page size; then start, end, offset in pages of each; then as many paths. */
static struct error *read_files(struct core_notes *notes, const struct elf_note *note)
{
    struct cursor cursor = cursor_over(note->bytes, note->size, "NT_FILE");
    uint64_t count = 0;
    uint64_t page_size = 0;
    TRY(cursor_u64(&cursor, &count));
    TRY(cursor_u64(&cursor, &page_size));
    struct cursor paths = cursor;
    if (count > note->size / 24)
        return error_create(ERROR_BAD_DATA, "NT_FILE: more files than it has bytes for");
    TRY(cursor_skip(&paths, count * 24));
    for (uint64_t i = 0; i < count; i++) {
        struct core_file file = {0};
        TRY(cursor_u64(&cursor, &file.start));
        TRY(cursor_u64(&cursor, &file.end));
        TRY(cursor_u64(&cursor, &file.offset));
        TRY(cursor_cstring(&paths, &file.path));
        file.offset *= page_size;
        if (file.start < file.end)
            VECTOR_PUSH(&notes->files, file);
    }
    return NULL;
}

/* They stand behind the general ones of the same thread. */
static void read_vector_registers(const struct reading *reading, const struct elf_note *note)
{
    bool is_amd64 = reading->core->machine == EM_X86_64, old = note->type == NT_PRFPREG;
    struct core_threads *threads = &reading->notes->threads;
    if (threads->length)
        registers_decode_vector(is_amd64, old && is_amd64, note->bytes, note->size,
                                &threads->at[threads->length - 1]);
}

static bool read_note(const struct elf_note *note, void *context)
{
    struct reading *reading = context;
    if (!strcmp(note->name, "LINUX") && note->type == NT_X86_XSTATE)
        read_vector_registers(reading, note);
    if (strcmp(note->name, "CORE") != 0)
        return true;
    if (note->type == NT_PRSTATUS)
        read_thread(reading, note);
    else if (note->type == NT_PRFPREG)
        read_vector_registers(reading, note);
    else if (note->type == NT_PRPSINFO)
        read_process(reading->notes, note);
    else if (note->type == NT_AUXV)
        read_auxv(reading->notes, note);
    else if (note->type == NT_FILE)
        error_ignore(read_files(reading->notes, note));
    return true;
}

static int by_start(const void *left, const void *right)
{
    const struct core_file *a = left;
    const struct core_file *b = right;
    return (a->start > b->start) - (a->start < b->start);
}

void core_notes_read(const struct elffile *core, struct core_notes *notes_ret)
{
    *notes_ret = (struct core_notes){0};
    struct reading reading = {.core = core, .notes = notes_ret};
    error_ignore(elffile_notes(core, read_note, &reading));
    registers_sort(notes_ret->threads.at, notes_ret->threads.length);
    if (notes_ret->files.length)
        qsort(notes_ret->files.at, notes_ret->files.length, sizeof(*notes_ret->files.at), by_start);
}

void core_notes_deinit(struct core_notes *notes)
{
    VECTOR_DEINIT(&notes->threads);
    VECTOR_DEINIT(&notes->files);
}

const struct core_file *core_notes_file_at(const struct core_notes *notes, address at)
{
    size_t low = 0;
    size_t high = notes->files.length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (notes->files.at[middle].start <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low || at >= notes->files.at[low - 1].end)
        return NULL;
    return &notes->files.at[low - 1];
}

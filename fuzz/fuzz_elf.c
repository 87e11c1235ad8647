/* ELF files: headers, segments, sections, notes, build ids, and what is asked of an executable before it is opened
 * further. The input is the file. */
#include <stdlib.h>

#include "base/text.h"
#include "elf/elffile.h"
#include "fuzz.h"
#include "program/program.h"

enum {
    NOTES_MAX = 4096
};

static unsigned sum; /* what is read has to be used, so that the sanitizers see it */

static void touch(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum += bytes[i];
}

static bool take_note(const struct elf_note *note, void *context)
{
    unsigned *count = context;
    sum += (unsigned)strlen(note->name);
    touch(note->bytes, note->size);
    return ++*count < NOTES_MAX;
}

static void take_segment(const struct elffile *file, const struct elf_segment *segment)
{
    const uint64_t places[] = {0, 1, segment->present_size - 1, segment->present_size,
                               segment->memory_size};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        size_t left = 0;
        bool writable = false;
        const uint8_t *bytes = elffile_at(file, segment->address + places[i], &left, &writable);
        if (bytes) {
            touch(bytes, left < 16 ? left : 16);
            touch(bytes + left - 1, 1);
        }
    }
}

static void take_program(const struct elffile *file)
{
    struct buildinfo info = {0};
    bool is_go = false;
    struct error *error = program_is_go(file, &is_go, &info);
    if (!error_ignore(error))
        buildinfo_deinit(&info);
    free(elffile_build_id(file));
    sum += elffile_has_symbols(file) + is_go;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elffile *file = NULL;
    unsigned notes = 0;
    struct error *error = elffile_open_bytes(data, size, "input", &file);
    if (error_ignore(error))
        return 0;
    for (size_t i = 0; i < file->segment_count; i++)
        take_segment(file, &file->segments[i]);
    for (size_t i = 0; i < file->section_count; i++) {
        const struct elf_section *section = elffile_section(file, file->sections[i].name);
        if (section && section->bytes)
            touch(section->bytes, section->size);
    }
    error_destroy(elffile_notes(file, take_note, &notes));
    take_program(file);
    elffile_close(file);
    return 0;
}

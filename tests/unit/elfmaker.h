/* Makes small ELF files in memory for tests: programs, and cores with notes. */
#ifndef SEEP_TESTS_ELFMAKER_H
#define SEEP_TESTS_ELFMAKER_H

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
    ELFMAKER_SEGMENTS = 8,
    ELFMAKER_DATA = 4096
};

/* The file: header, program headers, then from ELFMAKER_DATA on the bytes of the segments one after
 * another. */
struct elfmaker {
    Elf64_Ehdr header;
    Elf64_Phdr segments[ELFMAKER_SEGMENTS];
    struct text data;
    struct text notes;
};

static inline void elfmaker_init(struct elfmaker *maker, uint16_t type, uint16_t machine)
{
    *maker = (struct elfmaker){
        .header =
            {
                .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                            EV_CURRENT},
                .e_type = type,
                .e_machine = machine,
                .e_version = EV_CURRENT,
                .e_phoff = sizeof(Elf64_Ehdr),
                .e_ehsize = sizeof(Elf64_Ehdr),
                .e_phentsize = sizeof(Elf64_Phdr),
                .e_shentsize = sizeof(Elf64_Shdr),
            },
    };
}

static inline void elfmaker_deinit(struct elfmaker *maker)
{
    text_deinit(&maker->data);
    text_deinit(&maker->notes);
}

/* A segment whose bytes are added to the file; returns its header, to be changed at will. */
static inline Elf64_Phdr *elfmaker_segment(struct elfmaker *maker, uint32_t type, uint32_t flags,
                                           uint64_t address, uint64_t memory_size,
                                           const void *bytes, size_t size)
{
    Elf64_Phdr *segment = &maker->segments[maker->header.e_phnum++];
    *segment = (Elf64_Phdr){
        .p_type = type,
        .p_flags = flags,
        .p_vaddr = address,
        .p_memsz = memory_size,
        .p_offset = ELFMAKER_DATA + maker->data.length,
        .p_filesz = size,
        .p_align = type == PT_NOTE ? 4 : 4096,
    };
    text_add(&maker->data, bytes, size);
    return segment;
}

static inline void elfmaker_pad(struct text *text)
{
    while (text->length % 4)
        text_add(text, "", 1);
}

static inline void elfmaker_note(struct elfmaker *maker, const char *name, uint32_t type,
                                 const void *bytes, size_t size)
{
    Elf64_Nhdr header = {
        .n_namesz = (uint32_t)strlen(name) + 1, .n_descsz = (uint32_t)size, .n_type = type};
    text_add(&maker->notes, (const char *)&header, sizeof(header));
    text_add(&maker->notes, name, header.n_namesz);
    elfmaker_pad(&maker->notes);
    text_add(&maker->notes, bytes, size);
    elfmaker_pad(&maker->notes);
}

/* The whole file; the caller frees it. Notes added so far become a segment. */
static inline uint8_t *elfmaker_file(struct elfmaker *maker, size_t *size_ret)
{
    if (maker->notes.length)
        elfmaker_segment(maker, PT_NOTE, PF_R, 0, 0, maker->notes.bytes, maker->notes.length);
    text_clear(&maker->notes);
    *size_ret = ELFMAKER_DATA + maker->data.length;
    uint8_t *file = calloc(*size_ret, 1);
    memcpy(file, &maker->header, sizeof(maker->header));
    memcpy(file + sizeof(maker->header), maker->segments, sizeof(maker->segments));
    if (maker->data.length)
        memcpy(file + ELFMAKER_DATA, maker->data.bytes, maker->data.length);
    return file;
}

#endif

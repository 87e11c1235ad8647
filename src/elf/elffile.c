/* The tables of an ELF file (System V gABI, <elf.h>), each checked against the size of the file
 * before libelf translates it. libelf's handle (elf_memory) is not used: it refuses a file whose
 * section table was cut off, as cores of a full disk are, and allocates by counts that the file
 * only claims.
 *
 * A segment may lie: its file part is cut to what the file has (present_size) and to its size in
 * memory. Sections are a help, never needed: a broken section table is the same as none. */
#include "elf/elffile.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "elf/cutfile.h"

enum {
    SEGMENTS_MAX = 1 << 22,
    SECTIONS_MAX = 1 << 18,
    NAME_MAX_LENGTH = 4096, /* so that names without an end cost no time */
};

/* The bytes of [offset, offset + size), or NULL if the file does not have them all. */
static const uint8_t *range(const struct elffile *file, uint64_t offset, uint64_t size)
{
    if (offset > file->size || size > file->size - offset)
        return NULL;
    return file->bytes + offset;
}

/* Translates `count` records at an offset into `to`; false if the file does not have them all. */
static bool translate(const struct elffile *file, Elf_Type type, uint64_t offset, uint64_t count,
                      uint64_t record_size, void *to)
{
    const uint8_t *from = range(file, offset, count * record_size);
    if (!from)
        return false;
    /* The type of d_buf is not const; the source is only read. */
    Elf_Data source = {.d_buf = (void *)(uintptr_t)from,
                       .d_type = type,
                       .d_version = EV_CURRENT,
                       .d_size = count * record_size};
    Elf_Data target = source;
    target.d_buf = to;
    return elf64_xlatetom(&target, &source, ELFDATA2LSB) != NULL;
}

static struct error *read_header(const struct elffile *file, Elf64_Ehdr *header_ret)
{
    const uint8_t *ident = range(file, 0, EI_NIDENT);
    if (!ident || memcmp(ident, ELFMAG, SELFMAG) != 0)
        return error_create(ERROR_BAD_DATA, "%s is not an ELF file", file->path);
    if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB)
        return error_create(ERROR_UNSUPPORTED,
                            "%s is not 64-bit little endian: seep reads amd64 and arm64 only",
                            file->path);
    elf_version(EV_CURRENT);
    Elf64_Ehdr header = {0};
    if (!translate(file, ELF_T_EHDR, 0, 1, sizeof(header), &header))
        return error_create(ERROR_BAD_DATA, "%s: the ELF header is cut off", file->path);
    if (header.e_machine != EM_X86_64 && header.e_machine != EM_AARCH64)
        return error_create(ERROR_UNSUPPORTED,
                            "%s is for machine type %u: seep reads amd64 and arm64 only",
                            file->path, header.e_machine);
    *header_ret = header;
    return NULL;
}

/* Section 0 holds the counts that are too large for the header. */
static bool read_section_zero(const struct elffile *file, const Elf64_Ehdr *header,
                              Elf64_Shdr *section_ret)
{
    return header->e_shoff && header->e_shentsize == sizeof(*section_ret) &&
           translate(file, ELF_T_SHDR, header->e_shoff, 1, sizeof(*section_ret), section_ret);
}

static void fill_segment(const struct elffile *file, const Elf64_Phdr *from,
                         struct elf_segment *segment)
{
    *segment = (struct elf_segment){
        .type = from->p_type,
        .flags = from->p_flags,
        .address = from->p_vaddr,
        .memory_size = from->p_memsz,
        .offset = from->p_offset,
        .file_size = from->p_filesz,
        .alignment = from->p_align,
    };
    if (from->p_offset <= file->size) {
        uint64_t left = file->size - from->p_offset;
        segment->present_size = from->p_filesz < left ? from->p_filesz : left;
    }
    if (from->p_type != PT_LOAD)
        return;
    if (from->p_memsz > UINT64_MAX - from->p_vaddr)
        segment->memory_size = UINT64_MAX - from->p_vaddr;
    if (segment->present_size > segment->memory_size)
        segment->present_size = segment->memory_size;
}

static struct error *read_segments(struct elffile *file, const Elf64_Ehdr *header)
{
    uint64_t count = header->e_phnum;
    Elf64_Shdr zero = {0};
    if (count == PN_XNUM && read_section_zero(file, header, &zero))
        count = zero.sh_info;
    if (!count)
        return NULL;
    if (header->e_phentsize != sizeof(Elf64_Phdr))
        return error_create(ERROR_BAD_DATA, "%s: program headers of %u bytes", file->path,
                            header->e_phentsize);
    if (count > SEGMENTS_MAX)
        return error_create(ERROR_LIMIT, "%s: %llu segments are more than seep allows", file->path,
                            (unsigned long long)count);
    if (!range(file, header->e_phoff, count * sizeof(Elf64_Phdr)))
        return error_create(ERROR_BAD_DATA, "%s: the program headers are cut off", file->path);
    file->segments = xcalloc(count, sizeof(*file->segments));
    file->segment_count = count;
    for (uint64_t i = 0; i < count; i++) {
        Elf64_Phdr segment = {0};
        if (!translate(file, ELF_T_PHDR, header->e_phoff + i * sizeof(segment), 1, sizeof(segment),
                       &segment))
            return error_create(ERROR_BAD_DATA, "%s: program header %llu is broken", file->path,
                                (unsigned long long)i);
        fill_segment(file, &segment, &file->segments[i]);
        file->has_interpreter |= segment.p_type == PT_INTERP;
    }
    return NULL;
}

/* The name in the table of names, "" if it is out of bounds or has no end. */
static const char *section_name(const struct elffile *file, const Elf64_Shdr *names, uint32_t at)
{
    const uint8_t *bytes = range(file, names->sh_offset, names->sh_size);
    if (!bytes || names->sh_type != SHT_STRTAB || at >= names->sh_size)
        return "";
    uint64_t room = names->sh_size - at;
    if (!memchr(bytes + at, 0, room < NAME_MAX_LENGTH ? room : NAME_MAX_LENGTH))
        return "";
    return (const char *)bytes + at;
}

static void read_sections(struct elffile *file, const Elf64_Ehdr *header)
{
    Elf64_Shdr zero = {0};
    if (!read_section_zero(file, header, &zero))
        return;
    uint64_t count = header->e_shnum ? header->e_shnum : zero.sh_size;
    uint32_t names_at = header->e_shstrndx == SHN_XINDEX ? zero.sh_link : header->e_shstrndx;
    if (!count || count > SECTIONS_MAX || !range(file, header->e_shoff, count * sizeof(Elf64_Shdr)))
        return;
    Elf64_Shdr *table = xcalloc(count, sizeof(*table));
    if (translate(file, ELF_T_SHDR, header->e_shoff, count, sizeof(*table), table)) {
        static const Elf64_Shdr none;
        const Elf64_Shdr *names = names_at < count ? &table[names_at] : &none;
        file->sections = xcalloc(count, sizeof(*file->sections));
        file->section_count = count;
        for (uint64_t i = 0; i < count; i++) {
            bool has_bytes = table[i].sh_type != SHT_NOBITS && table[i].sh_type != SHT_NULL;
            file->sections[i] = (struct elf_section){
                .name = section_name(file, names, table[i].sh_name),
                .address = table[i].sh_addr,
                .size = table[i].sh_size,
                .bytes = has_bytes ? range(file, table[i].sh_offset, table[i].sh_size) : NULL,
            };
        }
    }
    free(table);
}

struct error *elffile_open_bytes(const uint8_t *bytes, size_t size, const char *shown,
                                 struct elffile **file_ret)
{
    struct elffile *file = xcalloc(1, sizeof(*file));
    file->bytes = bytes;
    file->size = size;
    file->path = text_escaped(shown, strlen(shown));
    Elf64_Ehdr header = {0};
    struct error *error = read_header(file, &header);
    if (!error)
        error = read_segments(file, &header);
    if (error) {
        elffile_close(file);
        return error;
    }
    file->type = header.e_type;
    file->machine = header.e_machine;
    file->entry = header.e_entry;
    read_sections(file, &header);
    *file_ret = file;
    return NULL;
}

static struct error *map_file(const char *path, const char *shown, const uint8_t **bytes_ret,
                              size_t *size_ret)
{
    /* Non-blocking, so that a pipe in the place of a file does not hang us. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return error_os(errno, "%s", shown);
    struct stat status;
    struct error *error = NULL;
    void *bytes = MAP_FAILED;
    if (fstat(descriptor, &status) < 0)
        error = error_os(errno, "%s", shown);
    else if (!S_ISREG(status.st_mode))
        error = error_create(ERROR_BAD_DATA, "%s is not a regular file", shown);
    else if (status.st_size == 0)
        error = error_create(ERROR_BAD_DATA, "%s is empty", shown);
    else {
        bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (bytes == MAP_FAILED)
            error = error_os(errno, "%s: map", shown);
    }
    close(descriptor);
    if (error)
        return error;
    *bytes_ret = bytes;
    *size_ret = (size_t)status.st_size;
    return NULL;
}

struct error *elffile_open(const char *path, const char *shown, struct elffile **file_ret)
{
    const char *name = shown ? shown : path;
    AUTO_FREE char *escaped = text_escaped(name, strlen(name));
    const uint8_t *bytes = NULL;
    size_t size = 0;
    TRY(map_file(path, escaped, &bytes, &size));
    cutfile_watch(bytes, size, escaped);
    struct elffile *file = NULL;
    struct error *error = elffile_open_bytes(bytes, size, name, &file);
    if (error) {
        cutfile_forget(bytes);
        munmap((void *)(uintptr_t)bytes, size);
        return error;
    }
    file->is_mapped = true;
    *file_ret = file;
    return NULL;
}

void elffile_close(struct elffile *file)
{
    if (!file)
        return;
    if (file->is_mapped) {
        cutfile_forget(file->bytes);
        munmap((void *)(uintptr_t)file->bytes, file->size);
    }
    free(file->segments);
    free(file->sections);
    free(file->path);
    free(file);
}

const struct elf_section *elffile_section(const struct elffile *file, const char *name)
{
    for (size_t i = 0; i < file->section_count; i++)
        if (strcmp(file->sections[i].name, name) == 0)
            return &file->sections[i];
    return NULL;
}

bool elffile_has_symbols(const struct elffile *file)
{
    const struct elf_section *table = elffile_section(file, ".symtab");
    if (!table || !table->bytes)
        return false;
    for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= table->size; at += sizeof(Elf64_Sym))
        if (ELF64_ST_TYPE(table->bytes[at + offsetof(Elf64_Sym, st_info)]) == STT_FUNC)
            return true;
    return false;
}

const uint8_t *elffile_at(const struct elffile *file, uint64_t address, size_t *left_ret,
                          bool *writable_ret)
{
    for (size_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segments[i];
        if (segment->type != PT_LOAD || address < segment->address ||
            address - segment->address >= segment->present_size)
            continue;
        uint64_t into = address - segment->address;
        if (left_ret)
            *left_ret = segment->present_size - into;
        if (writable_ret)
            *writable_ret = segment->flags & PF_W;
        return file->bytes + segment->offset + into;
    }
    return NULL;
}

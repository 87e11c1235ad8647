/* libdw reads the executable through a descriptor of its own, because it writes to what it maps (privately). Of a core file or a snapshot the executable may be
 * nowhere else than in memory. Only where the executable has no debug
 * information is anything looked for, by libdw's rules (dwfl_standard_find_debuginfo), which check build id or checksum. Whether what was found belongs
 * to the program is for the caller to make sure. */
#include "elf/debug_info.h"

#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"

struct debug_info {
    Dwfl *dwfl;
    Dwarf *dwarf; /* of dwfl */
};

/* The executable as a file that nobody else has. */
static int copy_of(const struct elffile *file)
{
    int copy = memfd_create("executable", MFD_CLOEXEC);
    for (size_t done = 0; copy >= 0 && done < file->size;) {
        ssize_t written = write(copy, file->bytes + done, file->size - done);
        if (written <= 0) {
            close(copy);
            return -1;
        }
        done += (size_t)written;
    }
    return copy;
}

static void open_module(struct debug_info *info, const char *path, int file)
{
    static char *no_path;
    static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_build_id_find_elf,
                                             .find_debuginfo = dwfl_standard_find_debuginfo,
                                             .section_address = dwfl_offline_section_address,
                                             .debuginfo_path = &no_path};
    Dwarf_Addr bias = 0;
    info->dwfl = dwfl_begin(&callbacks);
    Dwfl_Module *module = info->dwfl ? dwfl_report_offline(info->dwfl, path, path, file) : NULL;
    if (!module) {
        close(file);
        return;
    }
    dwfl_report_end(info->dwfl, NULL, NULL);
    info->dwarf = dwfl_module_getdwarf(module, &bias);
}

struct debug_info *debug_info_open(const struct elffile *file, const char *path,
                                   const char *open_at)
{
    struct debug_info *info = xcalloc(1, sizeof(*info));
    int opened = open_at ? open(open_at, O_RDONLY | O_CLOEXEC) : copy_of(file);
    if (opened >= 0)
        open_module(info, path ? path : "", opened);
    if (info->dwarf)
        return info;
    debug_info_close(info);
    return NULL;
}

void debug_info_close(struct debug_info *info)
{
    if (!info)
        return;
    if (info->dwfl)
        dwfl_end(info->dwfl);
    free(info);
}

Dwarf *debug_info_dwarf(const struct debug_info *info)
{
    return info->dwarf;
}

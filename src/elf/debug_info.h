/* Debug information (DWARF) of an executable, through libdw: its own, or that of a separate file. The separate one is found as debuggers find it: by build id
 * under /usr/lib/debug/.build-id, by the name in .gnu_debuglink, and, only if the environment has DEBUGINFOD_URLS, from a debuginfod server. */
#ifndef SEEP_ELF_DEBUG_INFO_H
#define SEEP_ELF_DEBUG_INFO_H

#include <elfutils/libdw.h>

#include "elf/elffile.h"

struct debug_info;

/* NULL if there is none. `path` is where the executable is called so, beside which a separate file may lie (NULL: nowhere); `open_at` is what to open to read it
 * (/proc/PID/exe), or NULL: then its bytes are copied. May block on the network with DEBUGINFOD_URLS. */
struct debug_info *debug_info_open(const struct elffile *file, const char *path,
                                   const char *open_at);
void debug_info_close(struct debug_info *info);

/* Its addresses are as linked. */
Dwarf *debug_info_dwarf(const struct debug_info *info);

#endif

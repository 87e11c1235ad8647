/* Landlock (landlock(7), Linux 5.13 and later), by its system calls, as Debian 12 has no library for it. The page sees the folder of its store and nothing else. The agent and seep-look
 * cannot be held so: a process under Landlock may not read the memory of one that is not, whatever its capabilities (Linux, security/landlock/ptrace.c). */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard/internal.h"

enum {
    ABI_NETWORK = 4,
    READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
    /* A reader of SQLite's log takes its locks in a file beside it, which it may have to make. */
    BESIDE = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG
};

static const uint64_t all_of_files = (UINT64_C(1) << 13) - 1; /* what version 1 knows */
static const uint64_t tcp = 3; /* bind and connect, from version 4 on */

/* As of version 4; older kernels take the shorter form of it. */
struct ruleset {
    uint64_t files, network;
};

static struct error *add_folder(int rules, const char *folder, uint64_t access)
{
    struct landlock_path_beneath_attr beneath = {
        .allowed_access = access,
        .parent_fd = open(folder, O_PATH | O_CLOEXEC),
    };
    if (beneath.parent_fd < 0)
        return error_os(errno, "%s", folder);
    long failed = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    int reason = errno;
    close(beneath.parent_fd);
    return failed ? error_os(reason, "landlock") : NULL;
}

struct error *guard_files(enum guard_role role, const char *folder)
{
    if (role != GUARD_PAGE || !folder)
        return NULL;
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return NULL; /* a kernel without it */
    struct ruleset ruleset = {all_of_files, version >= ABI_NETWORK ? tcp : 0};
    size_t size = version >= ABI_NETWORK ? sizeof(ruleset) : sizeof(ruleset.files);
    int rules = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
    if (rules < 0)
        return error_os(errno, "landlock");
    struct error *error = add_folder(rules, folder, READ | BESIDE);
    if (!error && syscall(SYS_landlock_restrict_self, rules, 0))
        error = error_os(errno, "landlock");
    close(rules);
    return error;
}

/* Landlock (landlock(7), Linux 5.13 and later), by its system calls, as Debian 12 has no library for it. The page sees the folder of its store and nothing else, seep-post what a name and a
 * certificate are looked up in. A process under Landlock may not read the memory of one that is not, whatever its capabilities (Linux, security/landlock/ptrace.c): that holds these two off from
 * all other processes, and is why the agent and seep-look, which do just that, cannot be held so. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "guard/internal.h"

/* What Debian 12's header does not have yet (Linux, include/uapi/linux/landlock.h). */
enum {
    ABI_REFER = 2,
    ABI_TRUNCATE = 3,
    ABI_NETWORK = 4,
    ABI_DEVICES = 5,
    ABI_SCOPE = 6,
    BIND_TCP = 1,
    CONNECT_TCP = 2,
    SCOPES = 3, /* abstract sockets and signals of others */
    READ_FILE = LANDLOCK_ACCESS_FS_READ_FILE,
    READ = READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR
};

/* As of version 6; an older kernel takes it if what it does not know is 0. */
struct ruleset {
    uint64_t files, network, scopes;
};

/* Where resolvers and TLS libraries keep what they read: not the same in every distribution. Neither /proc nor homes. */
static const char *const post_reads[] = {
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/var/lib/ca-certificates", /* SUSE */
    "/nix/store",
    "/gnu/store",
};

/* All that a kernel can forbid. */
static struct ruleset everything(enum guard_role role, long version)
{
    unsigned known = version >= ABI_DEVICES    ? 16
                     : version >= ABI_TRUNCATE ? 15
                     : version >= ABI_REFER    ? 14
                                               : 13;
    return (struct ruleset){
        .files = (UINT64_C(1) << known) - 1,
        .network = version < ABI_NETWORK ? 0
                   : role == GUARD_PAGE  ? BIND_TCP | CONNECT_TCP
                                         : BIND_TCP,
        .scopes = version < ABI_SCOPE ? 0 : SCOPES,
    };
}

static struct error *allow_reading(int rules, const char *path)
{
    struct landlock_path_beneath_attr beneath = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
    struct stat status;
    if (beneath.parent_fd < 0)
        return error_os(errno, "%s", path);
    bool folder = !fstat(beneath.parent_fd, &status) && S_ISDIR(status.st_mode);
    beneath.allowed_access = folder ? READ : READ_FILE;
    long failed = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    int reason = errno;
    close(beneath.parent_fd);
    return failed ? error_os(reason, "landlock") : NULL;
}

static struct error *allow_role(int rules, enum guard_role role, const char *folder)
{
#ifdef SEEP_SANITIZED /* by which the leak sanitizer looks for leaks at the end; without, it hangs */
    TRY(allow_reading(rules, "/proc"));
#endif
    if (role == GUARD_PAGE)
        return allow_reading(rules, folder);
    for (size_t i = 0; i < LENGTH_OF(post_reads); i++)
        error_ignore(allow_reading(rules, post_reads[i])); /* what is not there is not missed */
    return NULL;
}

struct error *guard_files(enum guard_role role, const char *folder)
{
    if (role != GUARD_POST && (role != GUARD_PAGE || !folder))
        return NULL;
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return NULL; /* a kernel without it */
    struct ruleset ruleset = everything(role, version);
    int rules = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
    if (rules < 0)
        return error_os(errno, "landlock");
    struct error *error = allow_role(rules, role, folder);
    if (!error && syscall(SYS_landlock_restrict_self, rules, 0))
        error = error_os(errno, "landlock");
    close(rules);
    return error;
}

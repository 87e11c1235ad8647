#include "agent/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

int child_spawn(char *const *arguments, const struct child_file *files, size_t count,
                pid_t *pid_ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    for (size_t i = 0; i < count; i++) {
        int mode = files[i].at == STDIN_FILENO ? O_RDONLY : O_WRONLY;
        if (files[i].from == CHILD_NULL)
            posix_spawn_file_actions_addopen(&actions, files[i].at, "/dev/null", mode, 0);
        else
            posix_spawn_file_actions_adddup2(&actions, files[i].from, files[i].at);
    }
    int failed = posix_spawn(pid_ret, arguments[0], &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

#include "find/variable_users.h"

#include <string.h>

#include "base/text.h"
#include "code/calls.h"
#include "code/data_users.h"

/* How much a function tells about a variable. */
enum telling {
    TELLS_NOTHING,
    TELLS_INITIALIZER,
    TELLS_STANDARD,
    TELLS_NEAR, /* it takes an address shortly before */
    TELLS_OWN,
};

static enum telling telling_of(const struct program *program, const struct data_user *user,
                               const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *dot = strchr(slash ? slash : name, '.');
    if (!dot || !strcmp(dot, ".init") || !strncmp(dot, ".init.", 6) ||
        !strncmp(dot, ".map.init.", 10))
        return TELLS_INITIALIZER;
    if (calls_is_standard(program, name))
        return TELLS_STANDARD;
    return user->exact ? TELLS_OWN : TELLS_NEAR;
}

void variable_users(const struct looks *looks, const address *variables, size_t count,
                    char **users_ret)
{
    struct data_users users = {0};
    AUTO_FREE uint8_t *best = xcalloc(count + 1, 1);
    size_t looked_for = count < DATA_USERS_VARIABLES ? count : DATA_USERS_VARIABLES;
    memset(users_ret, 0, count * sizeof(*users_ret));
    (void)data_users_find(looks->target, looks->program, variables, looked_for, &users);
    for (size_t i = 0; i < users.length; i++) {
        const struct data_user *user = &users.at[i];
        const struct pclntab *table = &looks->program->pclntab;
        struct func func;
        if (user->variable >= count || !pclntab_func(table, user->entry, &func))
            continue;
        const char *name = func_name(table, &func);
        enum telling telling = telling_of(looks->program, user, name);
        if (telling <= best[user->variable])
            continue;
        best[user->variable] = (uint8_t)telling;
        free(users_ret[user->variable]);
        users_ret[user->variable] = text_escaped(name, strlen(name));
    }
    VECTOR_DEINIT(&users);
}

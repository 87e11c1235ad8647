/* Who could still unlock, call Done, or signal: a goroutine that has the lock, or is in a function that names the variable, with such a call ahead. Code that only
 * could be called does not count: it would have to lock first. */
#include "find/partners.h"

#include "code/calls.h"

enum {
    HELPERS_MAX = 6,
    LOCKS_MAX = 1 << 12,
};

struct lock_words {
    enum wait_kind kind;
    const char *helpers[HELPERS_MAX];
};

/* The slow halves are there because the fast ones are inlined (sync/mutex.go, rwmutex.go, waitgroup.go, cond.go; Go 1.18 to 1.27). */
static const struct lock_words locks[] = {
    {WAIT_MUTEX,
     {"sync.(*Mutex).Unlock", "sync.(*Mutex).unlockSlow", "internal/sync.(*Mutex).Unlock",
      "internal/sync.(*Mutex).unlockSlow"}},
    {WAIT_RWMUTEX,
     {"sync.(*RWMutex).Unlock", "sync.(*RWMutex).RUnlock", "sync.(*RWMutex).rUnlockSlow"}},
    {WAIT_WAITGROUP, {"sync.(*WaitGroup).Done", "sync.(*WaitGroup).Add"}},
    {WAIT_COND,
     {"sync.(*Cond).Signal", "sync.(*Cond).Broadcast", "sync.runtime_notifyListNotifyOne",
      "sync.runtime_notifyListNotifyAll", "runtime.notifyListNotifyOne",
      "runtime.notifyListNotifyAll"}},
};

static size_t find_helpers(const struct looks *looks, enum wait_kind kind,
                           address helpers_ret[HELPERS_MAX])
{
    for (size_t i = 0; i < LENGTH_OF(locks); i++) {
        size_t count = 0;
        while (count < HELPERS_MAX && locks[i].helpers[count])
            count++;
        if (locks[i].kind == kind)
            return calls_resolve(looks->program, locks[i].helpers, count, helpers_ret);
    }
    return 0;
}

static void collect_locks(const struct looks *looks, const struct site *site,
                          struct partners *partners, address *at)
{
    for (size_t i = 0; i < site->members.length; i++) {
        const struct goroutine *goroutine = &looks->now->goroutines.at[site->members.at[i]];
        for (uint32_t k = 0; k < goroutine->wait_count && partners->count < LOCKS_MAX; k++) {
            uint32_t object = looks->now->waits.at[goroutine->first_wait + k].object;
            bool is_new = false;
            address lock = looks->now->objects.at[object].at;
            u64map_intern(&partners->index, lock, (uint32_t)partners->count, &is_new);
            if (is_new)
                at[partners->count++] = lock;
        }
    }
}

void partners_find_locks(const struct looks *looks, const struct site *site,
                         struct partners *partners_ret)
{
    struct partners *partners = partners_ret;
    address helpers[HELPERS_MAX];
    AUTO_FREE address *at = xcalloc(LOCKS_MAX, sizeof(*at));
    *partners = (struct partners){0};
    collect_locks(looks, site, partners, at);
    partners->kinds = xcalloc(partners->count + 1, sizeof(*partners->kinds));
    partners->goroutines = xmalloc((partners->count + 1) * sizeof(*partners->goroutines));
    for (size_t i = 0; i < partners->count; i++)
        partners->goroutines[i] = UINT32_MAX;
    AUTO_FREE uint8_t *skip = partners_skipped(looks, site, partners);
    struct waited waited = {.objects = at,
                            .count = partners->count,
                            .skip = skip,
                            .helpers = helpers,
                            .helper_count = find_helpers(looks, site->kind, helpers),
                            .only_frames = true};
    partners_own(looks, site, waited.own);
    if (partners->count)
        ways_find(looks, &waited, &partners->ways);
}

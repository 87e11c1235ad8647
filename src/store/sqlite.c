/* Opening a SQLite file as a store: its lock, its settings, its tables. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "store/sqlite_internal.h"
#include "store/wal.h"

enum {
    SCHEMA = 1,
    WAIT_MS = 500,
    HEAP_SOFT_BYTES = 1 << 20
};

static const char tables[] =
    "CREATE TABLE periods(at_ms INTEGER, samples BLOB);"
    "CREATE INDEX periods_at ON periods(at_ms);"
    "CREATE TABLE sealed(life INTEGER, series INTEGER, level INTEGER, from_ms INTEGER,"
    " to_ms INTEGER, count INTEGER, samples BLOB);"
    "CREATE INDEX sealed_at ON sealed(life, series, from_ms);"
    "CREATE INDEX sealed_level ON sealed(level, from_ms);"
    "CREATE TABLE rolled(life INTEGER, series INTEGER, from_ms INTEGER, to_ms INTEGER, points "
    "BLOB);"
    "CREATE INDEX rolled_at ON rolled(life, series, from_ms);"
    "CREATE INDEX rolled_time ON rolled(from_ms);"
    "CREATE TABLE lives(id INTEGER PRIMARY KEY, program TEXT, lane INTEGER, name TEXT, unit TEXT,"
    " cgroup TEXT, exe TEXT, boot_id TEXT, pid INTEGER, start_ticks INTEGER, started_ms INTEGER,"
    " first_seen_ms INTEGER, last_seen_ms INTEGER, ended_ms INTEGER, kind INTEGER, end INTEGER,"
    " go_version TEXT, module TEXT, release TEXT, release_source TEXT, build_id TEXT,"
    " stripped INTEGER, blind TEXT);"
    "CREATE INDEX lives_program ON lives(program, started_ms);"
    "CREATE TABLE markers(life INTEGER, at_ms INTEGER, length_ms INTEGER, kind INTEGER, text TEXT);"
    "CREATE INDEX markers_at ON markers(life, at_ms);"
    "CREATE TABLE sites(id INTEGER PRIMARY KEY, kind INTEGER, build_id TEXT, at_function TEXT,"
    " at_file TEXT, at_line INTEGER, started_function TEXT, started_file TEXT,"
    " started_line INTEGER, wait_reason TEXT);"
    "CREATE TABLE standings(life INTEGER PRIMARY KEY, at_ms INTEGER, state INTEGER, series INTEGER,"
    " slope REAL, slope_low REAL, slope_high REAL, plateau REAL, to_limit REAL, to_limit_low REAL,"
    " to_limit_high REAL, lim REAL, warm_up_ends_ms INTEGER, line_from_ms INTEGER,"
    " line_to_ms INTEGER, line_from REAL, line_to REAL, why TEXT);"
    "CREATE TABLE calls(id INTEGER PRIMARY KEY, life INTEGER, cause TEXT, state INTEGER,"
    " since_ms INTEGER, opened_ms INTEGER, resolved_ms INTEGER, title TEXT, because TEXT, fix TEXT,"
    " slope REAL, slope_low REAL, slope_high REAL, count_per_s REAL, share REAL,"
    " inspection INTEGER);"
    "CREATE INDEX calls_life ON calls(life);"
    "CREATE TABLE inspections(id INTEGER PRIMARY KEY, life INTEGER, at_ms INTEGER, why TEXT,"
    " json TEXT, problem TEXT, cpu_s REAL, wall_s REAL, peak_bytes INTEGER);"
    "CREATE INDEX inspections_life ON inspections(life, at_ms);"
    "CREATE TABLE facts(name TEXT PRIMARY KEY, value) WITHOUT ROWID;";

/* ---- the lock: held by a descriptor, so that it ends with the process, however that ends */

static struct error *in_use(const struct sqlite_store *store)
{
    return error_create(ERROR_LIMIT,
                        "the store %s is in use by another `seep watch`: stop that one, or give "
                        "another --store",
                        store->path);
}

/* Whether the name still means what was locked: who is refused takes a lock that he made away again. */
static bool is_still(int descriptor, const char *name)
{
    struct stat held, named;
    return !fstat(descriptor, &held) && !stat(name, &named) && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

static struct error *take_lock(struct sqlite_store *store, const char *path)
{
    static const int how = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    AUTO_FREE char *name = NULL;
    if (asprintf(&name, "%s-lock", path) < 0)
        return error_create(ERROR_NO_MEMORY, "out of memory");
    store->lock = open(name, how | O_CREAT | O_EXCL, 0600);
    store->lock_is_new = store->lock >= 0;
    if (store->lock < 0 && errno == EEXIST)
        store->lock = open(name, how | O_CREAT, 0600);
    if (store->lock < 0)
        return error_os(errno, "the store %s cannot be written", store->path);
    if (!flock(store->lock, LOCK_EX | LOCK_NB) && is_still(store->lock, name))
        return NULL;
    store->lock_is_new = false;
    return in_use(store);
}

/* What was made for a store that could not be opened: its lock, and a file that is still empty. */
static void clean_up(const struct sqlite_store *store, const char *path, bool file_is_new)
{
    AUTO_FREE char *name = NULL;
    struct stat status;
    if (file_is_new && !stat(path, &status) && !status.st_size)
        unlink(path);
    if (store->lock_is_new && asprintf(&name, "%s-lock", path) >= 0)
        unlink(name);
}

/* ---- what kind of file it is, before SQLite touches it */

enum file_kind {
    FILE_NONE,
    FILE_EMPTY,
    FILE_STORE, /* bears the mark of a store, broken or not */
    FILE_OURS,  /* has lost its mark, but was this process's store before */
    FILE_OTHER
};

static bool has_log(const char *path)
{
    AUTO_FREE char *log = NULL;
    return asprintf(&log, "%s-wal", path) < 0 || !access(log, F_OK);
}

static bool has_mark(const uint8_t *head)
{
    static const char magic[16] = "SQLite format 3";
    static const uint8_t mark[4] = {'s', 'e', 'e', 'p'};
    return !memcmp(head, magic, sizeof(magic)) && !memcmp(head + 68, mark, sizeof(mark));
}

static bool is_file(const struct store_file *file, const struct stat *status)
{
    return file && file->device == status->st_dev && file->inode == status->st_ino;
}

/* `ours`: the file that was this process's store before; NULL: none. */
static struct error *look_at(struct sqlite_store *store, const char *path,
                             const struct store_file *ours, enum file_kind *kind_ret)
{
    uint8_t head[100];
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0 && errno == ENOENT) {
        *kind_ret = FILE_NONE;
        return NULL;
    }
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status)) {
        int reason = errno;
        if (descriptor >= 0)
            close(descriptor);
        return error_os(reason, "the store %s", store->path);
    }
    ssize_t length = S_ISREG(status.st_mode) ? read(descriptor, head, sizeof(head)) : 0;
    close(descriptor);
    if (!S_ISREG(status.st_mode))
        return error_create(ERROR_BAD_DATA, "the store %s is no file", store->path);
    bool empty = !status.st_size && !has_log(path); /* SQLite makes its log later */
    *kind_ret = empty                                      ? FILE_EMPTY
                : length == sizeof(head) && has_mark(head) ? FILE_STORE
                : is_file(ours, &status)                   ? FILE_OURS
                                                           : FILE_OTHER;
    return NULL;
}

/* What is not seep's is left alone, whatever it is called. */
static struct error *refuse_other(const struct sqlite_store *store, enum file_kind kind)
{
    if (kind != FILE_OTHER)
        return NULL;
    return error_create(ERROR_UNSUPPORTED,
                        "%s is not a store of seep, and was left as it is: give another --store, "
                        "or, if it was a store whose beginning is damaged, move it away",
                        store->path);
}

/* ---- opening */

static struct error *set_up(struct sqlite_store *store, bool writer)
{
    sqlite3_busy_timeout(store->db, WAIT_MS);
    sqlite3_soft_heap_limit64(HEAP_SOFT_BYTES);
    TRY(sqlite_run(store, "PRAGMA cache_size=-256; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
                          "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"));
    return sqlite_run(store, writer ? "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA synchronous=NORMAL;"
                                      "PRAGMA journal_size_limit=4194304;"
                                    : "PRAGMA query_only=ON");
}

static struct error *pragma_number(struct sqlite_store *store, const char *query, int64_t *ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(store, query, &statement));
    TRY(sqlite_step(store, statement, &row));
    *ret = row ? sqlite3_column_int64(statement, 0) : 0;
    return NULL;
}

static struct error *check_schema(struct sqlite_store *store, bool writer)
{
    int64_t version = 0;
    TRY(pragma_number(store, "PRAGMA user_version", &version));
    if (version == SCHEMA)
        return NULL;
    if (version > SCHEMA)
        return error_create(ERROR_UNSUPPORTED,
                            "the store %s is from a newer seep (its form is %lld, this seep knows "
                            "%d): use that one, or give another --store",
                            store->path, (long long)version, SCHEMA);
    if (!writer || version)
        return error_create(ERROR_UNSUPPORTED, "the store %s is empty or not finished",
                            store->path);
    TRY(sqlite_begin(store));
    struct error *error = sqlite_run(store, tables);
    if (!error)
        error = sqlite_run(store, "PRAGMA application_id=1936024944; " /* "seep", at byte 68 */
                                  "PRAGMA user_version=1;");
    return sqlite_end(store, error);
}

/* A page that is broken shows when the tables that every start reads are read. */
static struct error *check_content(struct sqlite_store *store)
{
    struct store_ids ids;
    int64_t any = 0;
    TRY(sqlite_ids(&store->store, &ids));
    TRY(pragma_number(store, "SELECT count(*) FROM periods", &any));
    return pragma_number(store, "SELECT count(*) FROM sealed", &any);
}

/* Opens it with flags of SQLite's, `path` being a URI if they say so, and makes sure that it is a store. */
static struct error *open_with(struct sqlite_store *store, const char *path, int flags, bool writer)
{
    mode_t mask = umask(0077); /* names of programs and their code are nobody else's business */
    int code = sqlite3_open_v2(path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    umask(mask);
    if (code != SQLITE_OK)
        return store->db ? sqlite_error(store, "opening it")
                         : error_create(ERROR_NO_MEMORY, "out of memory");
    TRY(set_up(store, writer));
    return check_schema(store, writer);
}

static struct error *open_file(struct sqlite_store *store, const char *path)
{
    /* The log begins after the schema is there, so that the mark stands in the file itself. */
    TRY(open_with(store, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, true));
    TRY(sqlite_run(store, "PRAGMA journal_mode=WAL"));
    struct stat status;
    if (stat(path, &status))
        return error_os(errno, "the store %s", store->path);
    store->opened = (struct store_file){status.st_dev, status.st_ino};
    return check_content(store);
}

static void close_file(struct sqlite_store *store)
{
    sqlite3_finalize(store->put_period);
    store->put_period = NULL;
    sqlite3_close_v2(store->db);
    store->db = NULL;
}

static void sqlite_close(struct store *base)
{
    struct sqlite_store *store = sqlite_of(base);
    close_file(store);
    if (store->lock >= 0)
        close(store->lock);
    VECTOR_DEINIT(&store->scratch);
    VECTOR_DEINIT(&store->sorted);
    free(store->path);
    free(store->file);
    free(store);
}

static struct sqlite_store *new_store(const char *path, const struct store_limits *limits)
{
    struct sqlite_store *store = xcalloc(1, sizeof(*store));
    store->store.backend = &store_backend_sqlite;
    store->path = text_escaped(path, strlen(path));
    store->file = xstrdup(path);
    store->lock = -1;
    if (limits)
        store->limits = *limits;
    return store;
}

/* Moves the file and its companions out of the way. */
static struct error *move_aside(struct sqlite_store *store, const char *path, char **moved_ret)
{
    static const char *const companions[] = {"", "-wal", "-shm"};
    char stamp[32];
    time_t now = time(NULL);
    struct tm calendar;
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &calendar));
    for (size_t i = 0; i < LENGTH_OF(companions); i++) {
        AUTO_FREE char *from = NULL;
        AUTO_FREE char *to = NULL;
        if (asprintf(&from, "%s%s", path, companions[i]) < 0 ||
            asprintf(&to, "%s.broken-%s%s", path, stamp, companions[i]) < 0)
            return error_create(ERROR_NO_MEMORY, "out of memory");
        if (rename(from, to) && errno != ENOENT)
            return error_os(errno, "the store %s is broken and cannot be moved aside", store->path);
    }
    if (moved_ret && asprintf(moved_ret,
                              "the store %s was broken: it lies beside now, as ….broken-%s, "
                              "and a new one is begun",
                              store->path, stamp) < 0)
        *moved_ret = NULL;
    return NULL;
}

static void say_lost(const struct sqlite_store *store, char **moved_ret)
{
    if (moved_ret && asprintf(moved_ret,
                              "the store %s: its log was damaged: what was written last is lost, "
                              "what was before is there",
                              store->path) < 0)
        *moved_ret = NULL;
}

static struct error *open_or_renew(struct sqlite_store *store, const char *path,
                                   enum file_kind kind, char **moved_ret)
{
    bool lost = kind == FILE_STORE && wal_lost_something(path);
    struct error *error = kind == FILE_OURS ? NULL : open_file(store, path);
    bool broken =
        kind == FILE_OURS || (kind == FILE_STORE && error && error_code(error) == ERROR_BAD_DATA);
    if (!broken) {
        if (lost && !error)
            say_lost(store, moved_ret);
        return error;
    }
    error_destroy(error);
    close_file(store);
    TRY(move_aside(store, path, moved_ret));
    return open_file(store, path);
}

/* What kind of file it is is asked once more under the lock: another agent may have made it meanwhile. */
static struct error *lock_and_open(struct sqlite_store *store, const char *path,
                                   const struct store_file *ours, char **moved_ret)
{
    enum file_kind kind = FILE_NONE;
    TRY(look_at(store, path, ours, &kind));
    TRY(refuse_other(store, kind));
    struct error *error = take_lock(store, path);
    if (!error)
        error = look_at(store, path, ours, &kind);
    if (!error)
        error = refuse_other(store, kind);
    if (!error)
        error = open_or_renew(store, path, kind, moved_ret);
    if (error) {
        close_file(store);
        clean_up(store, path, kind == FILE_NONE);
    }
    return error;
}

static struct error *open_writer(const char *path, const struct store_limits *limits,
                                 const struct store_file *ours, struct store **store_ret,
                                 char **moved_ret)
{
    struct sqlite_store *store = new_store(path, limits);
    struct error *error = lock_and_open(store, path, ours, moved_ret);
    if (error) {
        sqlite_close(&store->store);
        return error;
    }
    *store_ret = &store->store;
    return NULL;
}

static struct store_file opened(struct store *base)
{
    return sqlite_of(base)->opened;
}

/* A store in a folder that nothing can be written to, and without a log: nobody changes it, so it is read without the locks that would
 * have to be written there. */
static struct error *open_frozen(struct sqlite_store *store, const char *path)
{
    struct text uri = {0};
    text_puts(&uri, "file:");
    for (const char *at = path; *at; at++)
        text_printf(&uri, strchr("?#%", *at) ? "%%%02x" : "%c", (unsigned char)*at);
    text_puts(&uri, "?immutable=1");
    struct error *error =
        open_with(store, uri.bytes, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, false);
    text_deinit(&uri);
    return error;
}

static struct error *open_if_there(struct sqlite_store *store, const char *path)
{
    enum file_kind kind = FILE_NONE;
    TRY(look_at(store, path, NULL, &kind));
    if (kind == FILE_NONE || kind == FILE_EMPTY)
        return error_create(ERROR_NOT_FOUND, "there is no store at %s: `seep watch` makes one",
                            store->path);
    if (kind != FILE_STORE)
        return error_create(ERROR_UNSUPPORTED, "%s is not a store of seep", store->path);
    struct error *error = open_with(store, path, SQLITE_OPEN_READONLY, false);
    int code = error ? sqlite3_errcode(store->db) & 0xff : SQLITE_OK;
    if ((code != SQLITE_CANTOPEN && code != SQLITE_READONLY) || has_log(path))
        return error;
    error_destroy(error);
    close_file(store);
    return open_frozen(store, path);
}

static struct error *open_reader(const char *path, struct store **store_ret)
{
    struct sqlite_store *store = new_store(path, NULL);
    struct error *error = open_if_there(store, path);
    if (error) {
        sqlite_close(&store->store);
        return error;
    }
    *store_ret = &store->store;
    return NULL;
}

/* One piece of the first kind of work that there is. */
static struct error *maintain(struct store *base, int64_t now_ms, bool *more_ret)
{
    struct sqlite_store *store = sqlite_of(base);
    *more_ret = false;
    TRY(sqlite_seal_hour(store, now_ms, more_ret));
    if (!*more_ret)
        TRY(sqlite_seal_day(store, now_ms, more_ret));
    if (!*more_ret)
        TRY(sqlite_prune(store, now_ms, more_ret));
    return NULL;
}

const struct store_backend store_backend_sqlite = {
    .scheme = "sqlite",
    .open_writer = open_writer,
    .opened = opened,
    .open_reader = open_reader,
    .close = sqlite_close,
    .write = sqlite_write,
    .maintain = maintain,
    .ids = sqlite_ids,
    .lives = sqlite_lives,
    .sampled = sqlite_sampled,
    .markers = sqlite_markers,
    .sites = sqlite_sites,
    .standings = sqlite_standings,
    .calls = sqlite_calls,
    .inspections = sqlite_inspections,
    .inspection = sqlite_inspection,
    .points = sqlite_points,
    .samples_at = sqlite_samples_at,
    .agent = sqlite_agent,
    .size = sqlite_size,
};

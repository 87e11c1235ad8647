/* Statements, transactions and errors of SQLite, in the form that the rest of the store uses. */
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/sqlite_internal.h"

enum {
    RECOVERY_TRIES = 500,
    RECOVERY_WAIT_NS = 1000 * 1000
};

/* Who may only read and meets the log's head while it is written half takes it for one that somebody left behind, and says that it may not mend it
 * (SQLITE_READONLY_RECOVERY; https://sqlite.org/walformat.html, 2.3): a moment later it is whole, unless it was left so. */
static bool is_half_written(struct sqlite_store *store)
{
    return sqlite3_extended_errcode(store->db) == SQLITE_READONLY_RECOVERY;
}

static bool may_pass(struct sqlite_store *store, unsigned *tries)
{
    if (!is_half_written(store) || ++*tries > RECOVERY_TRIES)
        return false;
    clock_sleep_ns(RECOVERY_WAIT_NS);
    return true;
}

/* Closing it must not copy a broken log over what is whole. */
static struct error *broken(struct sqlite_store *store, const char *doing)
{
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return error_create(ERROR_BAD_DATA, "the store %s is broken (%s)", store->path, doing);
}

struct error *sqlite_error(struct sqlite_store *store, const char *doing)
{
    int code = sqlite3_errcode(store->db) & 0xff;
    int reason = sqlite3_system_errno(store->db);
    bool cut = sqlite3_extended_errcode(store->db) == SQLITE_IOERR_SHORT_READ;
    switch (cut ? SQLITE_CORRUPT : code) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return broken(store, doing);
    case SQLITE_FULL:
        return error_create(ERROR_OS, "the store %s cannot be written: the disk is full",
                            store->path);
    case SQLITE_READONLY:
        if (is_half_written(store))
            return error_create(ERROR_PERMISSION,
                                "the store %s was left unfinished, and who may only read it can't "
                                "finish it: `seep watch`, or reading it as its owner, does",
                                store->path);
        return error_create(ERROR_PERMISSION, "the store %s cannot be written: it is read-only",
                            store->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_create(ERROR_OS, "the store %s is locked by another process", store->path);
    case SQLITE_NOMEM:
        return error_create(ERROR_NO_MEMORY, "the store %s: out of memory", store->path);
    default:
        return error_create(ERROR_OS, "the store %s: %s: %s%s%s", store->path, doing,
                            sqlite3_errmsg(store->db), reason ? ": " : "",
                            reason ? strerror(reason) : "");
    }
}

/* Through SQLite's own descriptor: closing another one would drop its locks (https://sqlite.org/howtocorrupt.html, 2.2). */
static bool has_head(struct sqlite_store *store)
{
    static const char magic[16] = "SQLite format 3";
    char head[sizeof(magic)];
    sqlite3_file *file = NULL;
    if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        !file || !file->pMethods)
        return true;
    return file->pMethods->xRead(file, head, sizeof(head), 0) == SQLITE_OK &&
           !memcmp(head, magic, sizeof(magic));
}

struct error *sqlite_is_there(struct sqlite_store *store)
{
    struct stat status;
    if (stat(store->file, &status) || status.st_dev != store->opened.device ||
        status.st_ino != store->opened.inode)
        return error_create(ERROR_NOT_FOUND, "the store %s was taken away while it was in use",
                            store->path);
    if (!has_head(store))
        return broken(store, "its head is gone");
    return NULL;
}

struct error *sqlite_prepare(struct sqlite_store *store, const char *query,
                             sqlite3_stmt **statement_ret)
{
    unsigned tries = 0;
    while (sqlite3_prepare_v2(store->db, query, -1, statement_ret, NULL) != SQLITE_OK) {
        if (!may_pass(store, &tries))
            return sqlite_error(store, "asking it");
    }
    return NULL;
}

struct error *sqlite_step(struct sqlite_store *store, sqlite3_stmt *statement, bool *row_ret)
{
    unsigned tries = 0;
    int code = sqlite3_step(statement);
    while (code != SQLITE_ROW && code != SQLITE_DONE) {
        if (!may_pass(store, &tries))
            return sqlite_error(store, "using it");
        sqlite3_reset(statement); /* that shows at the first step only */
        code = sqlite3_step(statement);
    }
    *row_ret = code == SQLITE_ROW;
    return NULL;
}

struct error *sqlite_run(struct sqlite_store *store, const char *query)
{
    unsigned tries = 0;
    while (sqlite3_exec(store->db, query, NULL, NULL, NULL) != SQLITE_OK) {
        if (!may_pass(store, &tries))
            return sqlite_error(store, "using it");
    }
    return NULL;
}

struct error *sqlite_begin(struct sqlite_store *store)
{
    return sqlite_run(store, "BEGIN IMMEDIATE");
}

struct error *sqlite_end(struct sqlite_store *store, struct error *error)
{
    if (!error)
        error = sqlite_run(store, "COMMIT");
    if (error && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return error;
}

struct error *sqlite_fact(struct sqlite_store *store, const char *name, int64_t *value_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(store, "SELECT value FROM facts WHERE name = ?", &statement));
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    TRY(sqlite_step(store, statement, &row));
    *value_ret = row ? sqlite3_column_int64(statement, 0) : 0;
    return NULL;
}

struct error *sqlite_set_fact(struct sqlite_store *store, const char *name, int64_t value)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(store, "INSERT OR REPLACE INTO facts(name, value) VALUES(?, ?)",
                       &statement));
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, value);
    return sqlite_step(store, statement, &row);
}

char *sqlite_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return xstrdup(text ? text : "");
}

char *sqlite_line(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? text_escaped(text, strlen(text)) : xstrdup("");
}

char *sqlite_lines(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    struct text lines = {0};
    while (text && *text) {
        size_t length = strcspn(text, "\n");
        text_escape(&lines, text, length);
        if (text[length])
            text_puts(&lines, "\n");
        text += length + (text[length] == '\n');
    }
    return lines.bytes ? lines.bytes : xstrdup("");
}

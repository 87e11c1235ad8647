#include "serve/reader.h"

#include <string.h>

#include "base/text.h"

struct reader reader_of(const char *where)
{
    return (struct reader){.where = where, .shown = text_escaped(where, strlen(where))};
}

void reader_deinit(struct reader *reader)
{
    reader_drop(reader);
    free(reader->shown);
    *reader = (struct reader){0};
}

struct error *reader_open(struct reader *reader)
{
    struct stat file = {0};
    bool there = !stat(reader->where, &file);
    if (there && reader->store && file.st_ino == reader->file.st_ino &&
        file.st_dev == reader->file.st_dev) {
        reader->file = file;
        return NULL;
    }
    reader_drop(reader);
    TRY(store_open_reader(reader->where, &reader->store));
    reader->file = file;
    reader->openings++;
    return NULL;
}

void reader_drop(struct reader *reader)
{
    if (reader->store)
        store_close(reader->store);
    reader->store = NULL;
}

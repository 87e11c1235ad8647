#include "target/readlog.h"

#include <string.h>

enum {
    LOG_PAGE = 4096,
    UNITS = LOG_PAGE / READLOG_UNIT
};

static struct readlog_page *page_of(struct readlog *log, uint64_t number)
{
    bool is_new = false;
    uint32_t index = u64map_intern(&log->pages, number, (uint32_t)log->bits.length, &is_new);
    if (is_new)
        VECTOR_PUSH(&log->bits, (struct readlog_page){.page = number});
    return &log->bits.at[index];
}

static void set_units(struct readlog_page *page, unsigned first, unsigned last)
{
    if (first == 0 && last == UNITS - 1) {
        memset(page->units, 0xff, sizeof(page->units));
        return;
    }
    for (unsigned i = first; i <= last; i++)
        page->units[i / 64] |= UINT64_C(1) << i % 64;
}

void readlog_note(struct readlog *log, address at, uint64_t size)
{
    if (!size || size - 1 > UINT64_MAX - at)
        return;
    address last = at + (size - 1);
    for (uint64_t number = at / LOG_PAGE; number <= last / LOG_PAGE; number++) {
        address from = number * LOG_PAGE;
        unsigned first_unit = at > from ? (unsigned)((at - from) / READLOG_UNIT) : 0;
        unsigned last_unit =
            last - from < LOG_PAGE ? (unsigned)((last - from) / READLOG_UNIT) : UNITS - 1;
        set_units(page_of(log, number), first_unit, last_unit);
    }
}

void readlog_add_to(const struct readlog *log, struct extents *extents)
{
    for (size_t i = 0; i < log->bits.length; i++) {
        const struct readlog_page *page = &log->bits.at[i];
        for (unsigned unit = 0; unit < UNITS; unit++) {
            address at = page->page * LOG_PAGE + (address)unit * READLOG_UNIT;
            if (page->units[unit / 64] >> unit % 64 & 1)
                extents_add(extents, at, at + READLOG_UNIT);
        }
    }
}

void readlog_deinit(struct readlog *log)
{
    u64map_deinit(&log->pages);
    VECTOR_DEINIT(&log->bits);
}

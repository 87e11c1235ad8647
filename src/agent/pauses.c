#include "agent/pauses.h"

#include <string.h>

#include "agent/evidence.h"

enum {
    LEAST_US = 10 * 1000 /* less than this copies nothing */
};

uint64_t pauses_take(struct pause_account *account, int64_t day, uint64_t each_us,
                     uint64_t daily_us)
{
    if (account->day != day)
        *account = (struct pause_account){.day = day};
    uint64_t left_us = account->spent_us < daily_us ? daily_us - account->spent_us : 0;
    uint64_t taken_us = left_us < each_us ? left_us : each_us;
    if (taken_us < LEAST_US && taken_us < each_us)
        return 0;
    account->spent_us += taken_us;
    return taken_us;
}

/* Of an inspection that began before midnight all counts for the new day. */
void pauses_settle(struct pause_account *account, uint64_t taken_us, uint64_t paused_us)
{
    account->spent_us -= taken_us < account->spent_us ? taken_us : account->spent_us;
    account->spent_us += paused_us;
}

static uint64_t pause_of(struct store *store, uint32_t id, uint64_t most_us)
{
    struct inspection_record record;
    struct evidence evidence = {0};
    struct error *error = store_inspection(store, id, &record);
    if (error_ignore(error))
        return most_us;
    error = evidence_read(record.json, strlen(record.json), &evidence);
    uint64_t pause_us = error_ignore(error) ? most_us : evidence.pause_us;
    evidence_deinit(&evidence);
    inspection_record_deinit(&record);
    return pause_us;
}

void pauses_restore(struct pause_account *account, struct store *store, uint32_t life, int64_t day,
                    struct store_span span, uint64_t most_us)
{
    struct inspection_records records = {0};
    *account = (struct pause_account){.day = day};
    if (!store)
        return;
    struct error *error = store_inspections(store, life, span, &records);
    if (!error_ignore(error)) {
        for (size_t i = 0; i < records.length; i++)
            account->spent_us += pause_of(store, records.at[i].id, most_us);
    }
    inspection_records_deinit(&records);
}

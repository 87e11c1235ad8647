/* The account of pauses: whatever inspections do, a process is not stopped for longer than a day allows; held against plain sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/backlog.h"
#include "agent/pauses.h"

enum {
    DAYS = 50,
    STEPS = 4000,
    EACH_US = 50000,
    DAILY_US = 500000
};

static uint64_t chance_state = 1;

static uint64_t chance(uint64_t below)
{
    chance_state = chance_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (chance_state >> 33) % below;
}

static void a_day_is_never_overdrawn(void **state)
{
    (void)state;
    struct pause_account account = {0};
    uint64_t paused_us[DAYS] = {0}, granted = 0;
    int64_t day = 0;
    for (unsigned i = 0; i < STEPS && day < DAYS; i++) {
        uint64_t may_us = pauses_take(&account, day, EACH_US, DAILY_US);
        assert_true(may_us <= EACH_US);
        granted += may_us != 0;
        uint64_t took_us = may_us ? chance(may_us + 1) : 0;
        pauses_settle(&account, may_us, took_us);
        paused_us[day] += took_us;
        day += chance(100) == 0;
    }
    assert_true(granted > 2 * DAYS / 3);
    for (unsigned i = 0; i < DAYS; i++)
        assert_true(paused_us[i] <= DAILY_US);
}

/* What is not settled counts: an inspection that never ends has had all that it was allowed. */
static void what_is_taken_is_gone(void **state)
{
    (void)state;
    struct pause_account account = {0};
    uint64_t sum_us = 0;
    for (unsigned i = 0; i < 100; i++)
        sum_us += pauses_take(&account, 7, EACH_US, DAILY_US);
    assert_int_equal(sum_us, DAILY_US);
    assert_int_equal(pauses_take(&account, 7, EACH_US, DAILY_US), 0);
    assert_int_equal(pauses_take(&account, 8, EACH_US, DAILY_US), EACH_US);
    pauses_settle(&account, EACH_US, 10 * EACH_US); /* on a busy machine */
    assert_int_equal(pauses_take(&account, 8, EACH_US, DAILY_US), 0);
    assert_int_equal(pauses_take(&account, 9, 0, DAILY_US), 0);
    assert_int_equal(pauses_take(&account, 9, EACH_US, 0), 0);
    assert_int_equal(pauses_take(&account, 9, 2000, DAILY_US), 2000); /* as little as is wanted */
}

static void put(struct batch *batch, uint32_t id, uint32_t life, int64_t at_ms, const char *json)
{
    VECTOR_PUSH(&batch->inspections, (struct inspection_record){.id = id,
                                                                .life = life,
                                                                .at_ms = at_ms,
                                                                .why = xstrdup(""),
                                                                .json = xstrdup(json),
                                                                .problem = xstrdup("")});
}

/* Of that day and that life: 30,000 µs that are told, and one that broke off. */
static void a_restart_does_not_renew_it(void **state)
{
    (void)state;
    char folder[] = "/tmp/seep-pauses-XXXXXX", path[128], command[160];
    struct backlog backlog;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/w.db", folder);
    assert_false(error_ignore(backlog_open(path, &store_limits_default, &backlog, NULL)));
    struct batch batch = {.at_ms = 5000};
    put(&batch, 1, 3, 1000, "{\"findings\":[],\"pause_us\":10000}");
    put(&batch, 2, 3, 2000, "{\"findings\":[],\"pause_us\":20000}");
    put(&batch, 3, 3, 3000, "");
    put(&batch, 4, 4, 3000, "{\"findings\":[],\"pause_us\":400000}");
    put(&batch, 5, 3, 9000, "{\"findings\":[],\"pause_us\":400000}");
    free(backlog_put(&backlog, &batch, 5000));
    batch_deinit(&batch);
    struct pause_account account = {0};
    pauses_restore(&account, backlog_store(&backlog), 3, 7, (struct store_span){0, 8999}, EACH_US);
    assert_int_equal(account.spent_us, 30000 + EACH_US);
    uint64_t sum_us = 0;
    for (unsigned i = 0; i < 100; i++)
        sum_us += pauses_take(&account, 7, EACH_US, DAILY_US);
    assert_int_equal(sum_us, DAILY_US - 30000 - EACH_US);
    pauses_restore(&account, NULL, 3, 7, (struct store_span){0, 8999}, EACH_US);
    assert_int_equal(account.spent_us, 0);
    backlog_close(&backlog);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_is_never_overdrawn),
        cmocka_unit_test(what_is_taken_is_gone),
        cmocka_unit_test(a_restart_does_not_renew_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

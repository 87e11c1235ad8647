/* `seep inspect --json` of one process, but always with two looks, as far apart as the agent wishes: what grows slowly shows only so. The second look is at
 * a copy of the process if it may be stopped for so long: a twin would take rights that this program has not got (docs/security.md). */
#include <stdlib.h>

#include "base/clock.h"
#include "cli/inspection.h"
#include "look/look.h"

static const int64_t ns_per_s = 1000000000;
static const int64_t ns_per_us = 1000;
static const int64_t pause_most_us = 10 * 1000 * 1000;
static const double wait_most_s = 3600;

static struct error *inspect(int pid, double wait_s, int64_t pause_us,
                             struct inspection **inspection_ret)
{
    struct wanted wanted = {.pid = pid};
    struct freeze_options pause = {.budget_ns = pause_us * ns_per_us, .way = FREEZE_COPY};
    TRY(inspection_start(&wanted, NULL, OBSERVE_ALL, pause, inspection_ret));
    clock_sleep_ns((int64_t)(wait_s * (double)ns_per_s));
    TRY(inspection_look_again(*inspection_ret));
    return inspection_finish(*inspection_ret, false);
}

int64_t look_pause_us(char **arguments)
{
    char *end = NULL;
    if (!arguments[0] || !arguments[1] || !arguments[2])
        return 0;
    long long pause_us = strtoll(arguments[2], &end, 10);
    return *end || pause_us < 0 || pause_us > pause_most_us ? -1 : pause_us;
}

int look_inspect(char **arguments)
{
    int pid = arguments[0] ? look_pid(arguments[0]) : 0;
    char *end = NULL;
    double wait_s = pid && arguments[1] ? strtod(arguments[1], &end) : -1;
    int64_t pause_us = look_pause_us(arguments);
    if (!(wait_s >= 0 && wait_s <= wait_most_s) || *end || pause_us < 0)
        return look_complain("inspect wants a pid, seconds and, perhaps, microseconds");
    struct inspection *inspection = NULL;
    struct error *error = inspect(pid, wait_s, pause_us, &inspection);
    int status = error ? look_complain(error_message(error)) : 0;
    if (!error) {
        struct report report = inspection_report(inspection);
        look_say(report_json(&report));
    }
    error_destroy(error);
    inspection_destroy(inspection);
    return status;
}

/* `seep inspect --json` of one process, but always with two looks, as far apart as the agent wishes: what grows slowly shows only so. */
#include <stdlib.h>

#include "base/clock.h"
#include "cli/inspection.h"
#include "look/look.h"

static const int64_t ns_per_s = 1000000000;
static const double wait_most_s = 3600;

static struct error *inspect(int pid, double wait_s, struct inspection **inspection_ret)
{
    struct wanted wanted = {.pid = pid};
    TRY(inspection_start(&wanted, NULL, OBSERVE_ALL, 0, inspection_ret));
    clock_sleep_ns((int64_t)(wait_s * (double)ns_per_s));
    TRY(inspection_look_again(*inspection_ret));
    return inspection_finish(*inspection_ret, false);
}

int look_inspect(char **arguments)
{
    int pid = arguments[0] ? look_pid(arguments[0]) : 0;
    char *end = NULL;
    double wait_s = pid && arguments[1] ? strtod(arguments[1], &end) : -1;
    if (!(wait_s >= 0 && wait_s <= wait_most_s) || *end)
        return look_complain("inspect wants a pid and seconds");
    struct inspection *inspection = NULL;
    struct error *error = inspect(pid, wait_s, &inspection);
    int status = error ? look_complain(error_message(error)) : 0;
    if (!error) {
        struct report report = inspection_report(inspection);
        look_say(report_json(&report));
    }
    error_destroy(error);
    inspection_destroy(inspection);
    return status;
}

#include "agent/voice.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/alert.h"
#include "base/text.h"

/* The journal takes a priority from the front of a line (sd-daemon(3)). */
void agent_say(bool warning, const char *format, ...)
{
    AUTO_FREE char *text = NULL;
    const char *journal = getenv("JOURNAL_STREAM");
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    fprintf(stderr, "%s%s%s\n", journal ? (warning ? "<4>" : "<6>") : "",
            journal ? "" : "seep: ", text ? text : "out of memory");
}

static const struct life *life_of(const struct agent *agent, uint32_t id)
{
    for (size_t i = 0; i < agent->watched.length; i++) {
        if (agent->watched.at[i]->life.id == id)
            return &agent->watched.at[i]->life;
    }
    for (size_t i = 0; i < agent->batch.lives.length; i++) {
        if (agent->batch.lives.at[i].id == id)
            return &agent->batch.lives.at[i];
    }
    return NULL;
}

/* "api@api.service (pid 4711, v1.4.2): 41,233 goroutines wait to send, and nobody receives (main.(*Agent).publish metrics.go:56)" */
static void say_call(const struct life *life, const struct call *call)
{
    const char *place = strchr(call->cause, ' ');
    char lasted[TEXT_SIZE_ROOM];
    if (call->resolved_ms) {
        text_duration(lasted, (double)(call->resolved_ms - call->opened_ms) / 1e3);
        agent_say(false, "%s (pid %d): over after %s: %s", life->program, (int)life->pid, lasted,
                  call->title);
        return;
    }
    agent_say(true, "%s (pid %d%s%s): %s: %s%s%s%s", life->program, (int)life->pid,
              *life->release ? ", " : "", life->release,
              call->state == STANDING_LEAKING ? "leaks" : "climbs", call->title, place ? " (" : "",
              place ? place + 1 : "", place ? ")" : "");
}

/* To the journal and to the webhook. A call is told when it is opened and when it is resolved; what changes in between is not. */
static void tell(struct agent *agent, const struct life *life, const struct call *call)
{
    say_call(life, call);
    outbox_put(&agent->outbox, alert_json(life, call, agent->host, agent->settings.page_url),
               agent->wall.boot_ms);
}

static void tell_opened(struct agent *agent, struct watched *watched)
{
    for (size_t i = 0; i < watched->calls.length; i++) {
        struct open_call *open = &watched->calls.at[i];
        if (!open->told)
            tell(agent, &watched->life, &open->call);
        open->told = true;
    }
}

void voice_tell(struct agent *agent)
{
    for (size_t i = 0; i < agent->watched.length; i++)
        tell_opened(agent, agent->watched.at[i]);
    for (size_t i = 0; i < agent->batch.calls.length; i++) {
        const struct call *call = &agent->batch.calls.at[i];
        const struct life *life = call->resolved_ms ? life_of(agent, call->life) : NULL;
        if (life)
            tell(agent, life, call);
    }
}

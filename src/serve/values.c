#include <math.h>
#include <string.h>

#include "serve/answer.h"

json_t *value_text(const char *text)
{
    json_t *value = text && *text ? json_string(text) : json_null();
    return value ? value : json_string("?"); /* not UTF-8: a store that somebody has changed */
}

json_t *value_number(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

json_t *value_time(int64_t at_ms)
{
    return at_ms ? json_integer(at_ms) : json_null();
}

json_t *value_slope(double per_s, double low, double high)
{
    if (!isfinite(per_s))
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "per_s", value_number(per_s), "low", value_number(low),
                     "high", value_number(high));
}

json_t *value_to_limit(const struct standing *standing)
{
    if (!isfinite(standing->to_limit_s))
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "s", value_number(standing->to_limit_s), "low_s",
                     value_number(standing->to_limit_low_s), "high_s",
                     value_number(standing->to_limit_high_s));
}

struct error *program_lives(const struct source *source, const char *program,
                            struct lives *lives_ret)
{
    struct store_span all = {0, INT64_MAX};
    struct lives lives = {0};
    struct error *error = store_lives(source->store, program, all, &lives);
    if (error) {
        lives_deinit(&lives);
        return error;
    }
    size_t dropped = lives.length > LIVES_SHOWN ? lives.length - LIVES_SHOWN : 0;
    for (size_t i = 0; i < lives.length && dropped; i++) {
        if (i < dropped)
            life_deinit(&lives.at[i]);
        else
            lives.at[i - dropped] = lives.at[i];
    }
    lives.length -= dropped;
    *lives_ret = lives;
    if (lives.length)
        return NULL;
    lives_deinit(lives_ret);
    AUTO_FREE char *shown = text_escaped(program, strlen(program));
    return error_create(ERROR_NOT_FOUND, "there is no program '%s'", shown);
}

const struct standing *standing_of(const struct standings *standings, uint32_t life)
{
    size_t low = 0, high = standings->length;
    while (low < high) { /* they come by life */
        size_t middle = low + (high - low) / 2;
        if (standings->at[middle].life < life)
            low = middle + 1;
        else
            high = middle;
    }
    return low < standings->length && standings->at[low].life == life ? &standings->at[low] : NULL;
}

int64_t source_fresh_ms(const struct source *source)
{
    enum {
        LEAST_MS = 3 * 60 * 1000,
        PERIODS = 3
    };
    int64_t fresh_ms = PERIODS * source->interval_ms;
    return fresh_ms > LEAST_MS ? fresh_ms : LEAST_MS;
}

bool sample_of(const struct samples *samples, uint32_t series, int64_t *value_ret)
{
    for (size_t i = 0; i < samples->length; i++) {
        if (samples->at[i].series == series) {
            *value_ret = samples->at[i].value;
            return true;
        }
    }
    return false;
}

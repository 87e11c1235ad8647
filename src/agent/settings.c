#include "agent/settings.h"

#include <arpa/inet.h>
#include <fnmatch.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum {
    PORT_DEFAULT = 7337,
    PATTERNS_MAX = 1000
};

struct settings settings_default(void)
{
    return (struct settings){
        .address = xstrdup("127.0.0.1"),
        .port = PORT_DEFAULT,
        .interval_ms = 10 * 1000,
        .keep = store_limits_default,
        .inspect = true,
        .inspect_process_cpu_s = 60,
        .inspect_all_cpu_s = 600,
        .inspect_memory_bytes = UINT64_C(1) << 30,
        .inspect_pause_ms = 50,
        .inspect_process_pause_ms = 500,
        .inspect_wall_ms = 60 * 1000,
    };
}

static void patterns_deinit(struct patterns *patterns)
{
    for (size_t i = 0; i < patterns->length; i++)
        free(patterns->at[i]);
    VECTOR_DEINIT(patterns);
}

void settings_deinit(struct settings *settings)
{
    free(settings->store);
    free(settings->address);
    free(settings->token_file);
    free(settings->page_url);
    free(settings->webhook);
    patterns_deinit(&settings->headers);
    patterns_deinit(&settings->only);
    patterns_deinit(&settings->never);
    *settings = (struct settings){0};
}

/* ---- the document: one table for both ways */

enum field_type {
    FIELD_TEXT,
    FIELD_TEXTS,
    FIELD_NUMBER, /* int64_t, not negative */
    FIELD_REAL,
    FIELD_FLAG
};

struct field {
    const char *key;
    enum field_type type;
    size_t offset;
};

#define FIELD(name, type)                            \
    {                                                \
#name, type, offsetof(struct settings, name) \
    }

static const struct field fields[] = {
    FIELD(store, FIELD_TEXT),
    FIELD(address, FIELD_TEXT),
    FIELD(interval_ms, FIELD_NUMBER),
    FIELD(token_file, FIELD_TEXT),
    FIELD(page_url, FIELD_TEXT),
    FIELD(webhook, FIELD_TEXT),
    FIELD(headers, FIELD_TEXTS),
    FIELD(only, FIELD_TEXTS),
    FIELD(never, FIELD_TEXTS),
    FIELD(keep.keep_samples_ms, FIELD_NUMBER),
    FIELD(keep.keep_rollups_ms, FIELD_NUMBER),
    FIELD(keep.size_max_bytes, FIELD_NUMBER),
    FIELD(inspect, FIELD_FLAG),
    FIELD(inspect_process_cpu_s, FIELD_REAL),
    FIELD(inspect_all_cpu_s, FIELD_REAL),
    FIELD(inspect_memory_bytes, FIELD_NUMBER),
    FIELD(inspect_pause_ms, FIELD_NUMBER),
    FIELD(inspect_process_pause_ms, FIELD_NUMBER),
    FIELD(inspect_wall_ms, FIELD_NUMBER),
};

static json_t *texts_json(const struct patterns *texts)
{
    json_t *array = json_array();
    for (size_t i = 0; i < texts->length; i++)
        json_array_append_new(array, json_string(texts->at[i]));
    return array;
}

static json_t *field_json(const struct field *field, const void *at)
{
    switch (field->type) {
    case FIELD_TEXT:
        return *(char *const *)at ? json_string(*(char *const *)at) : json_null();
    case FIELD_TEXTS:
        return texts_json(at);
    case FIELD_NUMBER:
        return json_integer(*(const int64_t *)at);
    case FIELD_REAL:
        return json_real(*(const double *)at);
    case FIELD_FLAG:
        return json_boolean(*(const bool *)at);
    }
    return json_null();
}

char *settings_to_json(const struct settings *settings)
{
    json_t *object = json_object();
    for (size_t i = 0; i < LENGTH_OF(fields); i++)
        json_object_set_new(object, fields[i].key,
                            field_json(&fields[i], (const char *)settings + fields[i].offset));
    json_object_set_new(object, "port", json_integer(settings->port));
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text ? text : xstrdup("{}");
}

static bool read_texts(const json_t *value, struct patterns *texts)
{
    if (!json_is_array(value) || json_array_size(value) > PATTERNS_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *text = json_string_value(json_array_get(value, i));
        if (!text)
            return false;
        VECTOR_PUSH(texts, xstrdup(text));
    }
    return true;
}

static bool read_field(const struct field *field, const json_t *value, void *at)
{
    switch (field->type) {
    case FIELD_TEXT:
        free(*(char **)at);
        *(char **)at = json_is_string(value) ? xstrdup(json_string_value(value)) : NULL;
        return json_is_string(value) || json_is_null(value);
    case FIELD_TEXTS:
        return read_texts(value, at);
    case FIELD_NUMBER:
        *(int64_t *)at = json_integer_value(value);
        return json_is_integer(value) && *(int64_t *)at >= 0;
    case FIELD_REAL:
        *(double *)at = json_number_value(value);
        return json_is_number(value) && *(double *)at >= 0;
    case FIELD_FLAG:
        *(bool *)at = json_is_true(value);
        return json_is_boolean(value);
    }
    return false;
}

static struct error *read_fields(const json_t *object, struct settings *settings)
{
    for (size_t i = 0; i < LENGTH_OF(fields); i++) {
        const json_t *value = json_object_get(object, fields[i].key);
        if (!value || !read_field(&fields[i], value, (char *)settings + fields[i].offset))
            return error_create(ERROR_BAD_DATA, "settings: '%s' is missing or wrong",
                                fields[i].key);
    }
    json_int_t port = json_integer_value(json_object_get(object, "port"));
    if (port < 0 || port > UINT16_MAX || !settings->store || !settings->interval_ms)
        return error_create(ERROR_BAD_DATA, "settings: no store, no interval, or no such port");
    settings->port = (uint16_t)port;
    return NULL;
}

struct error *settings_from_json(const char *json, struct settings *settings_ret)
{
    json_t *object = json_loads(json, 0, NULL);
    struct settings settings = settings_default();
    struct error *error = read_fields(object, &settings);
    json_decref(object);
    if (error) {
        settings_deinit(&settings);
        return error;
    }
    *settings_ret = settings;
    return NULL;
}

bool settings_may_pause(const struct settings *settings)
{
    return settings->inspect && settings->inspect_pause_ms && settings->inspect_process_pause_ms;
}

/* ---- which programs */

static bool matches(const struct patterns *patterns, const char *name)
{
    for (size_t i = 0; i < patterns->length; i++) {
        if (!fnmatch(patterns->at[i], name, 0))
            return true;
    }
    return false;
}

bool settings_wants(const struct settings *settings, const char *name)
{
    return (!settings->only.length || matches(&settings->only, name)) &&
           !matches(&settings->never, name);
}

/* ---- where to listen */

static bool is_address(const char *text)
{
    struct in6_addr any;
    return inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
}

struct error *settings_listen(struct settings *settings, const char *text)
{
    free(settings->address);
    settings->address = NULL;
    if (!strcmp(text, "none"))
        return NULL;
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
    if (!colon || end == colon + 1 || *end || colon[1] < '0' || colon[1] > '9' || !port ||
        port > UINT16_MAX)
        return error_create(ERROR_BAD_DATA,
                            "'%s' is no address to listen on: "
                            "127.0.0.1:7337, [::1]:7337 and none are some",
                            text);
    size_t length = (size_t)(colon - text);
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']')
        settings->address = xstrndup(text + 1, length - 2);
    else
        settings->address = length ? xstrndup(text, length) : xstrdup("::");
    if (!strcmp(settings->address, "localhost"))
        memcpy(settings->address, "127.0.0.1", sizeof("127.0.0.1"));
    if (!is_address(settings->address))
        return error_create(ERROR_BAD_DATA, "'%s': only numbers name an address to listen on",
                            text);
    settings->port = (uint16_t)port;
    return NULL;
}

bool settings_is_loopback(const struct settings *settings)
{
    return settings->address &&
           (!strncmp(settings->address, "127.", 4) || !strcmp(settings->address, "::1"));
}

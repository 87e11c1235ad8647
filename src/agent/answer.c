#include "agent/answer.h"

#include "base/memory.h"
#include "base/text.h"

char *answer_text(const json_t *object, const char *key, size_t max)
{
    const json_t *value = json_object_get(object, key);
    size_t length = json_string_length(value);
    if (!json_is_string(value))
        return xstrdup("");
    return text_escaped(json_string_value(value), length < max ? length : max);
}

int32_t answer_line(const json_t *place)
{
    json_int_t line = json_integer_value(json_object_get(place, "line"));
    return line > 0 && line < INT32_MAX ? (int32_t)line : 0;
}

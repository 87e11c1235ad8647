/* The rules in SARIF: the texts of `seep explain`. A code host shows `help` beside the finding. */
#include "base/text.h"
#include "find/rule_text.h"
#include "report/sarif_internal.h"

unsigned sarif_rule_index(enum rule rule)
{
    unsigned index = 0;
    for (unsigned i = 0; i < (unsigned)rule; i++)
        index += rule_text((enum rule)i)->in_code;
    return index;
}

static json_t *text_object(const char *text)
{
    return json_pack("{s:s}", "text", text);
}

static char *help_text(const struct rule_text *text)
{
    struct text help = {0};
    text_printf(&help, "%s\n\nLeaks:\n\n%s\nDoes not leak:\n\n%s\n", text->meaning, text->leaky,
                text->fixed);
    text_printf(&help, "How to be sure: %s\n\nWhat seep cannot know: %s\n", text->check,
                text->unknown);
    return help.bytes;
}

static char *help_markdown(const struct rule_text *text)
{
    struct text help = {0};
    text_printf(&help, "%s\n\n**Leaks**\n\n```go\n%s```\n\n**Does not leak**\n\n```go\n%s```\n\n",
                text->meaning, text->leaky, text->fixed);
    text_printf(&help, "**How to be sure.** %s\n\n**What seep cannot know.** %s\n", text->check,
                text->unknown);
    return help.bytes;
}

static json_t *rule_json(enum rule rule)
{
    const struct rule_text *text = rule_text(rule);
    AUTO_FREE char *plain = help_text(text);
    AUTO_FREE char *markdown = help_markdown(text);
    return json_pack("{s:s, s:o, s:o, s:{s:s, s:s}, s:{s:s}, s:{s:[s]}}", "id", rule_name(rule),
                     "shortDescription", text_object(text->summary), "fullDescription",
                     text_object(text->meaning), "help", "text", plain, "markdown", markdown,
                     "defaultConfiguration", "level", "warning", "properties", "tags",
                     "reliability");
}

json_t *sarif_rules(void)
{
    json_t *rules = json_array();
    for (unsigned i = 0; i < RULE_COUNT; i++) {
        if (rule_text((enum rule)i)->in_code)
            json_array_append_new(rules, rule_json((enum rule)i));
    }
    return rules;
}

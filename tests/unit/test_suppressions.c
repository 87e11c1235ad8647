/* What is not to be reported: patterns, entries, their file, and baselines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cli/suppressions_file.h"
#include "find/rule_text.h"
#include "scan/known.h"
#include "scan/pattern.h"

static void test_patterns_of_names(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"main.poll", "main.poll", true},
        {"main.poll", "main.poll2", false},
        {"main.poll", "main.pol", false},
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "a/b", true},
        {"?", "", false},
        {"?", "/", true},
        {"main.(*T).run", "main.(*T).run", true}, /* the star of Go is one of ours */
        {"main.*.run", "main.(*T).run", true},
        {"*.run", "a/b.(*T).run", true},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbYbZ", false},
        {"*aab", "aaaaaaaab", true},
        {"**", "a/b", true},
        {"a?c",
         "a\xc3\xa4"
         "c",
         true}, /* one character */
        {"a??c",
         "a\xc3\xa4"
         "c",
         false},
        {"f[...]", "f[...]", true},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_int_equal(pattern_matches(cases[i].pattern, cases[i].text, false), cases[i].matches);
}

static void test_patterns_of_paths(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"cmd/*/poll.go", "cmd/agent/poll.go", true},
        {"cmd/*/poll.go", "cmd/a/b/poll.go", false},
        {"cmd/*", "cmd/", true},
        {"cmd?agent.go", "cmd/agent.go", false},
        {"*.go", "poll.go", true},
        {"*.go", "cmd/poll.go", false},
        {"**/*.go", "poll.go", true},
        {"**/*.go", "a/b/poll.go", true},
        {"**/b/*.go", "ab/poll.go", false},
        {"**/b/*.go", "a/b/poll.go", true},
        {"a/**/z.go", "a/z.go", true},
        {"a/**/z.go", "a/b/c/z.go", true},
        {"a/**/z.go", "a/bz.go", false},
        {"a/**", "a/b/c.go", true},
        {"a/**", "ab/c.go", false},
        {"**c.go", "a/b/c.go", true},
        {"*/**/x*/*.go", "a/b/xc/d.go", true},
        {"*/x*/**/d.go", "a/xb/xc/d.go", true},
        {"**/x*y/*.go", "xb/a/x/xzy/d.go", true},
        {"***.go", "a/b.go", true},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_int_equal(pattern_matches(cases[i].pattern, cases[i].text, true), cases[i].matches);
}

/* The same by trying everything. `start`: of the pattern. */
static bool tries(const char *start, const char *pattern, const char *text, bool folders)
{
    if (!*pattern)
        return !*text;
    if (*pattern == '*') {
        size_t stars = strspn(pattern, "*");
        bool deep = !folders || stars > 1;
        bool whole =
            folders && deep && (pattern == start || pattern[-1] == '/') && pattern[stars] == '/';
        const char *rest = pattern + stars + whole;
        if (tries(start, rest, text, folders))
            return true;
        for (; *text && (deep || *text != '/'); text++) {
            if ((!whole || *text == '/') && tries(start, rest, text + 1, folders))
                return true;
        }
        return false;
    }
    bool fits = *text && (*pattern == '?' ? !folders || *text != '/' : *pattern == *text);
    return fits && tries(start, pattern + 1, text + 1, folders);
}

static void fill(char *to, size_t room, const char *letters, unsigned *seed)
{
    size_t length = (size_t)rand_r(seed) % room;
    for (size_t i = 0; i < length; i++)
        to[i] = letters[(size_t)rand_r(seed) % strlen(letters)];
    to[length] = '\0';
}

static void test_patterns_are_what_they_mean(void **state)
{
    (void)state;
    unsigned seed = 1, matched = 0;
    for (unsigned i = 0; i < 400000; i++) {
        char pattern[10], text[10];
        fill(pattern, sizeof(pattern), i % 3 ? "ab/*?" : "a/**", &seed);
        fill(text, sizeof(text), "aab/", &seed);
        for (unsigned folders = 0; folders < 2; folders++) {
            bool expected = tries(pattern, pattern, text, folders);
            if (pattern_matches(pattern, text, folders) != expected)
                fail_msg("'%s' and '%s', folders %u", pattern, text, folders);
            matched += expected;
        }
    }
    assert_true(matched > 10000);
}

static struct suppressions parsed(const char *text)
{
    struct suppressions suppressions = {0};
    assert_null(suppressions_parse(text, strlen(text), "file", &suppressions));
    return suppressions;
}

static struct finding finding_at(enum rule rule, char *function, char *path)
{
    return (struct finding){.rule = rule, .at.function = function, .origin.path = path};
}

static void test_entries(void **state)
{
    (void)state;
    struct suppressions suppressions = parsed("suppress:\n"
                                              "  - {rule: lost-cancel, function: '*', reason: a}\n"
                                              "  - rule: '*'\n"
                                              "    function: tsdb.(*Head).*\n"
                                              "    reason: >\n"
                                              "      two\n"
                                              "      lines\n"
                                              "  - {rule: '*', file: 'x/*', reason: c}\n"
                                              "  - {rule: '*', file: 'x/y.go', reason: d}\n");
    assert_int_equal(suppressions.list.length, 4);
    assert_int_equal(suppressions.list.at[1].line, 3);
    assert_string_equal(suppressions.list.at[1].reason, "two lines");
    struct finding finding = finding_at(RULE_DEFER_IN_LOOP, "g.com/p/tsdb.(*Head).run[a/b.T]", "z");
    assert_ptr_equal(suppressions_find(&suppressions, &finding), &suppressions.list.at[1]);
    finding = finding_at(RULE_DEFER_IN_LOOP, "g.com/p/xtsdb.(*Head).run", "z");
    assert_null(suppressions_find(&suppressions, &finding));
    finding = finding_at(RULE_DEFER_IN_LOOP, NULL, NULL);
    assert_null(suppressions_find(&suppressions, &finding));
    assert_false(suppressions.list.at[3].used);
    finding = finding_at(RULE_DEFER_IN_LOOP, "f", "x/y.go");
    assert_ptr_equal(suppressions_find(&suppressions, &finding), &suppressions.list.at[2]);
    assert_true(suppressions.list.at[3].used); /* though the one before it was first */
    assert_false(suppressions.list.at[0].used);
    suppressions_deinit(&suppressions);
}

/* A pattern with a slash is for the whole name only. */
static void test_names_with_their_packages(void **state)
{
    (void)state;
    struct suppressions suppressions =
        parsed("suppress: [{rule: '*', function: 'p/t.F', reason: a}]");
    struct finding finding = finding_at(RULE_TIMER_LOOP, "g.com/p/t.F", NULL);
    assert_null(suppressions_find(&suppressions, &finding));
    finding.at.function = "p/t.F";
    assert_non_null(suppressions_find(&suppressions, &finding));
    suppressions_deinit(&suppressions);
}

/* Every prefix of a good file, and every change of one byte: an entry or an error, never more. */
static void test_broken_files(void **state)
{
    (void)state;
    static const char good[] = "suppress:\n"
                               "  - rule: \"*\" # all\n"
                               "    function: main.*\n"
                               "    reason: |\n"
                               "      b\xc3\xa4\n"
                               "  - {rule: lost-cancel, file: '**', reason: c}\n";
    char text[sizeof(good)];
    for (size_t i = 0; i < sizeof(good); i++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(text, good, sizeof(good));
            size_t length = byte ? sizeof(good) - 1 : i;
            text[i] = byte ? (char)byte : text[i];
            struct suppressions suppressions = {0};
            struct error *error = suppressions_parse(text, length, "file", &suppressions);
            if (error)
                assert_null(strchr(error_message(error), '\n'));
            error_destroy(error);
            suppressions_deinit(&suppressions);
        }
    }
}

static void test_baseline(void **state)
{
    (void)state;
    struct baseline baseline = {0};
    struct finding finding = {.rule = RULE_LOST_CANCEL, .fingerprint = "0123-1"};
    assert_false(baseline_has(&baseline, &finding));
    baseline_add(&baseline, "lost-cancel", "0123");
    baseline_add(&baseline, "early-return", "0123-1");
    assert_false(baseline_has(&baseline, &finding));
    baseline_add(&baseline, "lost-cancel", "0123-1");
    baseline_add(&baseline, "lost-cancel", "0123-1");
    assert_true(baseline_has(&baseline, &finding));
    finding.fingerprint = NULL;
    assert_false(baseline_has(&baseline, &finding));
    baseline_deinit(&baseline);
}

static void test_known(void **state)
{
    (void)state;
    struct suppressions suppressions = parsed("suppress: [{rule: '*', function: f, reason: a}]");
    struct baseline baseline = {0};
    baseline_add(&baseline, "timer-loop", "1");
    struct finding list[] = {finding_at(RULE_TIMER_LOOP, "f", NULL),
                             finding_at(RULE_TIMER_LOOP, "g", NULL),
                             finding_at(RULE_TIMER_LOOP, "g", NULL)};
    list[1].fingerprint = "1";
    list[2].fingerprint = "2";
    struct findings findings = {.at = list, .length = LENGTH_OF(list)};
    AUTO_FREE struct known *known = known_find(&findings, &suppressions, &baseline);
    assert_true(list[0].suppressed && known[0].suppression && !known[0].in_baseline);
    assert_true(!list[1].suppressed && known[1].in_baseline);
    assert_true(!list[2].suppressed && !known[2].in_baseline);
    baseline_deinit(&baseline);
    suppressions_deinit(&suppressions);
}

static void test_names_of_rules(void **state)
{
    (void)state;
    enum rule rule;
    for (unsigned i = 0; i < RULE_COUNT; i++) {
        assert_true(rule_named(rule_name((enum rule)i), &rule) && rule == i);
        assert_true(rule_like(rule_name((enum rule)i), &rule) && rule == i);
        const struct rule_text *text = rule_text((enum rule)i);
        assert_true(text->summary && text->leaky && text->fixed && text->check && text->unknown);
        assert_true(text->grades[GRADE_POSSIBLE] || text->grades[GRADE_LIKELY] ||
                    text->grades[GRADE_CERTAIN]);
        assert_true(strlen(text->meaning) <= 1024);
        assert_true(text->in_code || text->in_processes);
    }
    assert_false(rule_named("", &rule));
    assert_false(rule_like("", &rule));
    assert_false(rule_like("something else", &rule));
    assert_true(rule_like("deffer-in-loop", &rule) && rule == RULE_DEFER_IN_LOOP);
    assert_true(rule_like("waitgroup", &rule) && rule == RULE_WAITGROUP_STUCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_of_names),
        cmocka_unit_test(test_patterns_of_paths),
        cmocka_unit_test(test_patterns_are_what_they_mean),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_names_with_their_packages),
        cmocka_unit_test(test_broken_files),
        cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_names_of_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

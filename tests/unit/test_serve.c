/* The page's server as far as it needs no network: targets, questions, who may ask, and what is written for other programs to read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "serve/assets.h"
#include "serve/csv.h"
#include "serve/patience.h"
#include "serve/prometheus.h"
#include "serve/question.h"
#include "serve/respond.h"
#include "serve/welcome.h"
#include "store/series.h"

/* ---- targets */

static void test_targets(void **state)
{
    (void)state;
    struct query query;
    assert_null(query_read("/api/v1/x?program=a%40b+c%2bd&empty=&bare&&n=%C3%A9%ff", &query));
    assert_string_equal(query.path, "/api/v1/x");
    assert_int_equal(query.count, 4);
    assert_string_equal(query_value(&query, "program"), "a@b c+d");
    assert_string_equal(query_value(&query, "empty"), "");
    assert_string_equal(query_value(&query, "bare"), "");
    assert_string_equal(query_value(&query, "n"), "\xc3\xa9\xff");
    assert_null(query_value(&query, "N"));
    query_deinit(&query);
    assert_null(query_read("/a+b%20c", &query));
    assert_string_equal(query.path, "/a+b c");
    query_deinit(&query);
    assert_null(query_read("/?a=b=c?d", &query));
    assert_string_equal(query_value(&query, "a"), "b=c?d");
    query_deinit(&query);
}

static void test_broken_targets(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "",     "*",     "http://a/", "x",           "/%",        "/%4",    "/%zz",
        "/%00", "/?a=%", "/?a=%0",    "/?a=%g0",     "/?a=%00",   "/?%00=", "/?=a",
        "/?%",  "/?a%1", "?a=b",      "/metrics%00", "/?a=b%00c",
    };
    for (size_t i = 0; i < LENGTH_OF(broken); i++) {
        struct query query;
        AUTO_FREE char *wrong = query_read(broken[i], &query);
        if (!wrong)
            fail_msg("taken: %s", broken[i]);
        assert_null(strchr(wrong, '\n'));
        assert_int_equal(query.count, 0);
        assert_string_equal(query.path, "");
        query_deinit(&query);
    }
}

static void test_large_targets(void **state)
{
    (void)state;
    struct query query;
    struct text text = {0};
    text_puts(&text, "/?");
    for (unsigned i = 0; i < PARAMETERS_MAX; i++)
        text_printf(&text, "p%u=1&", i);
    assert_null(query_read(text.bytes, &query));
    assert_int_equal(query.count, PARAMETERS_MAX);
    query_deinit(&query);
    text_puts(&text, "one=more");
    AUTO_FREE char *many = query_read(text.bytes, &query);
    assert_string_equal(many, "too many parameters");
    while (text.length <= TARGET_MAX)
        text_puts(&text, "xxxxxxxx");
    AUTO_FREE char *longer = query_read(text.bytes, &query);
    assert_string_equal(longer, "the address is too long");
    text_deinit(&text);
}

/* ---- questions */

static char *ask(const char *target, const char *wanted, struct question *question)
{
    struct query query;
    char *wrong = query_read(target, &query);
    if (!wrong)
        wrong = question_read(&query, wanted, question);
    question->program = NULL; /* ends with the query */
    query_deinit(&query);
    return wrong;
}

static const char all_names[] = "program metric from to at points life id format";

static void test_questions(void **state)
{
    (void)state;
    struct question question;
    assert_null(ask("/?program=a&metric=cpu&from=1&to=2&at=3&points=0&life=4&id=5&format=json",
                    all_names, &question));
    assert_int_equal(question.series, SERIES_CPU);
    assert_int_equal(question.from_ms, 1);
    assert_int_equal(question.to_ms, 2);
    assert_int_equal(question.at_ms, 3);
    assert_int_equal(question.points, 0);
    assert_int_equal(question.life, 4);
    assert_int_equal(question.id, 5);
    assert_true(question.json);
    assert_null(ask("/?token=whatever", "", &question));
    assert_int_equal(question.series, SERIES_METRIC_COUNT);
    assert_int_equal(question.from_ms, 0);
    assert_true(question.to_ms == INT64_MAX);
    assert_int_equal(question.at_ms, -1);
    assert_int_equal(question.points, -1);
    assert_int_equal(question.life, 0);
    assert_false(question.json);
    assert_null(ask("/?points=10000&from=5&to=5&life=4294967294", all_names, &question));
}

static void test_wrong_questions(void **state)
{
    (void)state;
    static const struct {
        const char *target, *wanted, *line;
    } cases[] = {
        {"/?x=1", "", "there is no parameter 'x' here; there is none"},
        {"/?x=1", "life! at!", "there is no parameter 'x' here; there are: life, at"},
        {"/?x%0a=1", "", "there is no parameter 'x\\x0a' here; there is none"},
        {"/?i=1", "id", "there is no parameter 'i' here; there are: id"},
        {"/?id!=1", "id!", "there is no parameter 'id!' here; there are: id"},
        {"/?id%20=1", "id at", "there is no parameter 'id ' here; there are: id, at"},
        {"/", "life! at!", "'life' is missing"},
        {"/?life=1", "life! at!", "'at' is missing"},
        {"/?life=0", "life", "'life' wants a whole number from 1 to 4294967294"},
        {"/?life=4294967295", "life", "'life' wants a whole number from 1 to 4294967294"},
        {"/?life=99999999999999999999", "life", "'life' wants a whole number from 1 to 4294967294"},
        {"/?life=-1", "life", "'life' wants a whole number from 1 to 4294967294"},
        {"/?life=+1", "life", "'life' wants a whole number from 1 to 4294967294"},
        {"/?life=1x", "life", "'life' wants a whole number from 1 to 4294967294"},
        {"/?life=0x1", "life", "'life' wants a whole number from 1 to 4294967294"},
        {"/?life=1.0", "life", "'life' wants a whole number from 1 to 4294967294"},
        {"/?life=", "life", "'life' wants a whole number from 1 to 4294967294"},
        {"/?points=10001", "points", "'points' wants a whole number from 0 to 10000"},
        {"/?from=-1", "from", "'from' wants a whole number from 0 to 1125899906842624"},
        {"/?from=2&to=1", "from to", "'from' is later than 'to'"},
        {"/?to=1&to=2", "from to", "'to' is there twice"},
        {"/?metric=x", "metric", "there is no such metric: /api/v1/machine lists all"},
        {"/?metric=RSS", "metric", "there is no such metric: /api/v1/machine lists all"},
        {"/?format=xml", "format", "'format' is csv or json"},
        {"/?program=", "program!", "'program' is empty"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct question question;
        AUTO_FREE char *wrong = ask(cases[i].target, cases[i].wanted, &question);
        if (!wrong || strcmp(wrong, cases[i].line) != 0)
            fail_msg("%s: %s", cases[i].target, wrong ? wrong : "taken");
    }
}

/* ---- who may ask */

static void test_hosts(void **state)
{
    (void)state;
    static const char *const ours[] = {"localhost", "LocalHost:80", "127.0.0.1", "127.0.0.1:7337",
                                       "[::1]",     "[::1]:65535",  "127.0.0.2", "127.1.2.3:80"};
    static const char *const others[] = {"",
                                         "evil.example",
                                         "localhost.evil.example",
                                         "127.0.0.1.evil.example",
                                         "127.0.0.2.evil.example",
                                         "127.0.0.2:80:80",
                                         "127.1",
                                         "127.0.0.01",
                                         "128.0.0.1",
                                         "0x7f.0.0.1",
                                         "localhost:",
                                         "localhost:80x",
                                         "localhost:-1",
                                         "[::1",
                                         "::1",
                                         "127.0.0.1:7337@evil",
                                         "evil.example#localhost",
                                         " localhost",
                                         "localhost:12345678",
                                         "xlocalhost",
                                         "0.0.0.0:7337"};
    for (size_t i = 0; i < LENGTH_OF(ours); i++)
        assert_true(is_loopback_host(ours[i]));
    for (size_t i = 0; i < LENGTH_OF(others); i++) {
        if (is_loopback_host(others[i]))
            fail_msg("taken: %s", others[i]);
    }
}

static void test_origins(void **state)
{
    (void)state;
    const struct guards guards = {0};
    static const struct {
        const char *origin, *site, *mode;
        enum verdict verdict;
    } cases[] = {
        {NULL, NULL, NULL, VERDICT_WELCOME},
        {"http://localhost:7337", "same-origin", "cors", VERDICT_WELCOME},
        {"https://LOCALHOST:7337", NULL, NULL, VERDICT_WELCOME},
        {"http://localhost", NULL, NULL, VERDICT_BAD_ORIGIN},
        {"http://localhost:7338", NULL, NULL, VERDICT_BAD_ORIGIN},
        {"http://127.0.0.1:7337", NULL, NULL, VERDICT_BAD_ORIGIN},
        {"ftp://localhost:7337", NULL, NULL, VERDICT_BAD_ORIGIN},
        {"localhost:7337", NULL, NULL, VERDICT_BAD_ORIGIN},
        {"null", NULL, NULL, VERDICT_BAD_ORIGIN},
        {"", NULL, NULL, VERDICT_BAD_ORIGIN},
        {"http://evil.example", NULL, NULL, VERDICT_BAD_ORIGIN},
        {NULL, "none", "navigate", VERDICT_WELCOME},
        {NULL, "cross-site", "navigate", VERDICT_WELCOME},
        {NULL, "cross-site", "no-cors", VERDICT_BAD_ORIGIN},
        {NULL, "same-site", "no-cors", VERDICT_BAD_ORIGIN},
        {NULL, "cross-site", NULL, VERDICT_BAD_ORIGIN},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct claims claims = {.host = "localhost:7337",
                                .origin = cases[i].origin,
                                .fetch_site = cases[i].site,
                                .fetch_mode = cases[i].mode};
        if (guards_judge(&guards, &claims) != cases[i].verdict)
            fail_msg("case %zu", i);
    }
    assert_int_equal(guards_judge(&guards, &(struct claims){0}), VERDICT_BAD_HOST);
    assert_int_equal(guards_judge(&guards, &(struct claims){.host = "evil.example"}),
                     VERDICT_BAD_HOST);
}

static void test_tokens(void **state)
{
    (void)state;
    const struct guards guards = {.token = "s3cret;\"token\"=,x"}, any = {guards.token, true};
    struct text cookie = {0};
    guards_cookie(&guards, &cookie);
    assert_string_equal(cookie.bytes, "seep_token=7333637265743b22746f6b656e223d2c78; Path=/; "
                                      "HttpOnly; SameSite=Strict");
    text_deinit(&cookie);
    static const struct {
        const char *authorization, *cookie, *token;
        enum verdict verdict;
    } cases[] = {
        {NULL, NULL, NULL, VERDICT_NO_TOKEN},
        {"Bearer s3cret;\"token\"=,x", NULL, NULL, VERDICT_WELCOME},
        {"bearer s3cret;\"token\"=,x", NULL, NULL, VERDICT_WELCOME},
        {"Bearer s3cret;\"token\"=,", NULL, NULL, VERDICT_NO_TOKEN},
        {"Bearer s3cret;\"token\"=,xx", NULL, NULL, VERDICT_NO_TOKEN},
        {"Bearer ", NULL, NULL, VERDICT_NO_TOKEN},
        {"Bearer", NULL, NULL, VERDICT_NO_TOKEN},
        {"Basic s3cret;\"token\"=,x", NULL, NULL, VERDICT_NO_TOKEN},
        {NULL, "seep_token=7333637265743b22746f6b656e223d2c78", NULL, VERDICT_WELCOME},
        {NULL, "a=b; seep_token=7333637265743b22746f6b656e223d2c78; c=d", NULL, VERDICT_WELCOME},
        {NULL, "seep_token=wrong;seep_token=7333637265743b22746f6b656e223d2c78", NULL,
         VERDICT_WELCOME},
        {NULL, "xseep_token=7333637265743b22746f6b656e223d2c78", NULL, VERDICT_NO_TOKEN},
        {NULL, "seep_token=", NULL, VERDICT_NO_TOKEN},
        {NULL, "seep_token=s3cret;\"token\"=,x", NULL, VERDICT_NO_TOKEN},
        {NULL, ";;; ;", NULL, VERDICT_NO_TOKEN},
        {NULL, NULL, "s3cret;\"token\"=,x", VERDICT_BY_ADDRESS},
        {NULL, NULL, "", VERDICT_NO_TOKEN},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct claims claims = {.host = "localhost",
                                .authorization = cases[i].authorization,
                                .cookie = cases[i].cookie,
                                .token = cases[i].token};
        if (guards_judge(&guards, &claims) != cases[i].verdict)
            fail_msg("case %zu", i);
        claims.host = "seep.example";
        assert_int_equal(guards_judge(&guards, &claims), VERDICT_BAD_HOST);
        assert_int_equal(guards_judge(&any, &claims), cases[i].verdict);
    }
}

/* ---- slow clients */

/* A connection, whose other end can tell whether it was ended. */
static bool was_ended(int other)
{
    char letter;
    return recv(other, &letter, 1, MSG_DONTWAIT) == 0;
}

static void test_short_patience_in_a_crowd(void **state)
{
    static const struct {
        enum pace pace;
        int64_t lasts_ms, lasts_full_ms;
    } cases[] = {
        {PACE_ASKING, 20000, 250}, {PACE_ANSWER, 60000, 10000}, {PACE_STREAM, 60000, 10000}};
    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        for (unsigned full = 0; full < 2; full++) {
            int64_t lasts_ms = full ? cases[i].lasts_full_ms : cases[i].lasts_ms, now_ms = 1 << 20;
            struct patience patience = {0};
            int ends[2];
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
            struct visitor *visitor = patience_meet(&patience, ends[0], now_ms);
            visitor_goes_on(visitor, cases[i].pace, now_ms);
            for (unsigned k = 1; full && k < CONNECTIONS_MAX; k++)
                assert_non_null(patience_meet(&patience, -1, now_ms));
            assert_true(full ? patience_pause_ms(&patience) < 250
                             : patience_pause_ms(&patience) == 1000);
            patience_tend(&patience, now_ms + lasts_ms);
            assert_false(was_ended(ends[1]));
            patience_tend(&patience, now_ms + lasts_ms + 1);
            assert_true(was_ended(ends[1]));
            close(ends[0]);
            close(ends[1]);
        }
    }
}

static void test_patience(void **state)
{
    (void)state;
    struct patience patience = {0};
    struct visitor *first = patience_meet(&patience, -1, 1000);
    assert_non_null(first);
    assert_false(patience_is_busy(&patience));
    visitor_goes_on(first, PACE_ANSWER, 1000);
    assert_true(patience_is_busy(&patience));
    visitor_goes_on(first, PACE_FREE, 0);
    for (size_t i = 0; i < LENGTH_OF(patience.visitors); i++)
        assert_non_null(patience_meet(&patience, -1, 0));
    assert_null(patience_meet(&patience, -1, 0));
    visitor_goes_on(NULL, PACE_ANSWER, 0);
    patience_tend(&patience, 1 << 30);
}

/* ---- what others read */

static void test_labels(void **state)
{
    (void)state;
    static const struct {
        const char *value, *line;
    } cases[] = {
        {"", "a=\"\""},
        {"plain", "a=\"plain\""},
        {"say \"hi\" \\ there", "a=\"say \\\"hi\\\" \\\\ there\""},
        {"two\nlines", "a=\"two\\\\x0alines\""},
        {"\xc3\xa9 \xf0\x9f\x90\xb3", "a=\"\xc3\xa9 \xf0\x9f\x90\xb3\""},
        {"\xff", "a=\"\\\\xff\""},
        {"} 1\nb{", "a=\"} 1\\\\x0ab{\""},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct text text = {0};
        prometheus_put_label(&text, "a", cases[i].value);
        assert_string_equal(text.bytes, cases[i].line);
        text_deinit(&text);
    }
    struct text text = {0};
    prometheus_put_label(&text, "a", "1");
    prometheus_put_label(&text, "b", "2");
    assert_string_equal(text.bytes, "a=\"1\",b=\"2\"");
    text_deinit(&text);
}

static void test_values(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *line;
    } cases[] = {{0, "0\n"},
                 {-1.5, "-1.5\n"},
                 {1795045328.757, "1795045328.757\n"},
                 {281474976710656, "281474976710656\n"},
                 {(double)NAN, "NaN\n"},
                 {(double)INFINITY, "+Inf\n"},
                 {-(double)INFINITY, "-Inf\n"}};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct text text = {0};
        prometheus_put_value(&text, cases[i].value);
        assert_string_equal(text.bytes, cases[i].line);
        text_deinit(&text);
    }
}

static void test_cells(void **state)
{
    (void)state;
    static const struct {
        const char *cell, *line;
    } cases[] = {
        {"", "\"\""},          {"v1.2", "\"v1.2\""},    {"a\"b,c", "\"a\"\"b,c\""},
        {"=1+1", "\"'=1+1\""}, {"+1", "\"'+1\""},       {"-1", "\"'-1\""},
        {"@x", "\"'@x\""},     {" \t=x", "\"' \t=x\""}, {"\r=x", "\"'\r=x\""},
        {"a=b", "\"a=b\""},    {"\"=1", "\"\"\"=1\""},  {"|x", "\"'|x\""},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct text text = {0};
        csv_put_text(&text, cases[i].cell);
        assert_string_equal(text.bytes, cases[i].line);
        text_deinit(&text);
    }
}

static void test_encodings(void **state)
{
    (void)state;
    static const char *const yes[] = {"gzip", "deflate, gzip;q=1.0, *;q=0.5", "br,GZIP",
                                      "gzip;q=0.5", " gzip ; q=0.001"};
    static const char *const no[] = {"",          "identity",   "gzip;q=0", "gzip;q=0.000",
                                     "gzip; q=0", "x-gzip-not", "gzipped",  "deflate;q=0, br"};
    for (size_t i = 0; i < LENGTH_OF(yes); i++)
        assert_true(accepts_gzip(yes[i]));
    for (size_t i = 0; i < LENGTH_OF(no); i++) {
        if (accepts_gzip(no[i]))
            fail_msg("taken: %s", no[i]);
    }
    assert_false(accepts_gzip(NULL));
}

static void test_assets(void **state)
{
    (void)state;
    assert_ptr_equal(asset_find("/"), asset_find("/index.html"));
    assert_non_null(asset_find("/"));
    assert_null(asset_find(""));
    assert_null(asset_find("/../index.html"));
    for (size_t i = 0; i < asset_count; i++) {
        AUTO_FREE char *plain = asset_inflate(&assets[i]);
        assert_non_null(plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),         cmocka_unit_test(test_broken_targets),
        cmocka_unit_test(test_large_targets),   cmocka_unit_test(test_questions),
        cmocka_unit_test(test_wrong_questions), cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_origins),         cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_patience),        cmocka_unit_test(test_short_patience_in_a_crowd),
        cmocka_unit_test(test_labels),          cmocka_unit_test(test_values),
        cmocka_unit_test(test_cells),           cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_assets),
    };
    return cmocka_run_group_tests_name("serve", tests, NULL, NULL);
}

/* The store against a model that keeps every sample in a plain array: written, sealed, read in every width, at moments, and after it was pruned, broken or cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <math.h>

#include "base/text.h"
#include "store/codec.h"
#include "store/rollup.h"
#include "store/store.h"

enum {
    HOUR = 3600 * 1000,
    DAY = 24 * HOUR,
    STEP = 60 * 1000,
    LIVES = 5,
    SERIES = 3,
    HOURS = 60
};
static const int64_t begin_ms = INT64_C(1700006400000); /* begins a day */

static uint64_t seed;
static uint64_t any(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return seed >> 33;
}

static char folder[64];
static char path[96];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/seep-store-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/watch.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static void fail_with(struct error *error)
{
    if (error)
        fail_msg("%s", error_message(error));
}

static void expect(struct error *error, const char *part)
{
    assert_non_null(error);
    if (!strstr(error_message(error), part))
        fail_msg("'%s' is not in: %s", part, error_message(error));
    error_destroy(error);
}

static struct store *open_writer(void)
{
    struct store *store = NULL;
    char *moved = NULL;
    fail_with(store_open_writer(path, &store_limits_default, &store, &moved));
    assert_null(moved);
    return store;
}

static void maintain_all(struct store *store, int64_t now_ms)
{
    bool more = true;
    for (unsigned i = 0; more && i < 100000; i++)
        fail_with(store_maintain(store, now_ms, &more));
    assert_false(more);
}

/* ---- the codec */

static void samples_survive_the_codec(void **state)
{
    (void)state;
    static const int64_t odd[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MAX, 0, INT64_MIN};
    for (unsigned round = 0; round < 200; round++) {
        struct timeds samples = {0}, back = {0};
        struct bytes bytes = {0};
        size_t count = any() % 300;
        int64_t at = (int64_t)any();
        for (size_t i = 0; i < count; i++) {
            at += round % 3 ? 10000 : (int64_t)(any() % 100000) - 1000;
            int64_t value = round % 5 ? (int64_t)(any() % 1000) : odd[any() % 8];
            VECTOR_PUSH(&samples, (struct timed){at, value});
        }
        codec_write_samples(samples.at, samples.length, &bytes);
        fail_with(codec_read_samples(bytes.at, bytes.length, &back));
        assert_int_equal(back.length, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(back.at[i].at_ms, samples.at[i].at_ms);
            assert_int_equal(back.at[i].value, samples.at[i].value);
        }
        for (size_t cut = 0; cut < bytes.length;
             cut += 1 + bytes.length / 20) { /* never more than there was */
            struct timeds part = {0};
            error_ignore(codec_read_samples(bytes.at, cut, &part));
            assert_true(part.length <= count);
            VECTOR_DEINIT(&part);
        }
        VECTOR_DEINIT(&samples);
        VECTOR_DEINIT(&back);
        VECTOR_DEINIT(&bytes);
    }
}

static void periods_give_the_lives_that_are_asked_for(void **state)
{
    (void)state;
    struct samples samples = {0};
    struct bytes bytes = {0};
    for (uint32_t life = 3; life < 300; life += 7) {
        for (uint32_t series = 0; series < 1005; series += 201)
            VECTOR_PUSH(&samples, (struct sample){life, series, (int64_t)life * 1000 - series});
    }
    codec_write_period(samples.at, samples.length, &bytes);
    for (uint32_t first = 0; first < 310; first += 31) {
        struct samples back = {0};
        size_t wanted = 0;
        fail_with(codec_read_period(bytes.at, bytes.length, first, first + 40, &back));
        for (size_t i = 0; i < samples.length; i++) {
            const struct sample *sample = &samples.at[i];
            if (sample->life < first || sample->life > first + 40)
                continue;
            assert_true(wanted < back.length);
            assert_memory_equal(sample, &back.at[wanted++], sizeof(*sample));
        }
        assert_int_equal(back.length, wanted);
        VECTOR_DEINIT(&back);
    }
    VECTOR_DEINIT(&samples);
    VECTOR_DEINIT(&bytes);
}

/* ---- samples: a model beside the store */

struct model VECTOR_OF(struct {
    int64_t at_ms;
    struct sample sample;
});

static struct life life_numbered(uint32_t id)
{
    return (struct life){.id = id,
                         .program = xstrdup(id % 2 ? "odd" : "even"),
                         .started_ms = begin_ms,
                         .first_seen_ms = begin_ms,
                         .last_seen_ms = begin_ms,
                         .build_id = xstrdup("b")};
}

static void write_period(struct store *store, struct model *model, int64_t at_ms)
{
    struct batch batch = {.at_ms = at_ms};
    for (uint32_t life = 1; life <= LIVES; life++) {
        for (uint32_t series = 0; series < SERIES; series++) {
            if (any() % 20 == 0)
                continue; /* not known this time */
            int64_t value = (int64_t)(any() % 100000) * (series == 2 ? -1 : 1);
            struct sample sample = {life, series == 2 ? SERIES_SITES + 1 : series, value};
            VECTOR_PUSH(&batch.samples, sample);
            VECTOR_RESERVE(model, model->length + 1);
            model->at[model->length].at_ms = at_ms;
            model->at[model->length++].sample = sample;
        }
    }
    if (at_ms == begin_ms) {
        for (uint32_t life = 1; life <= LIVES; life++)
            VECTOR_PUSH(&batch.lives, life_numbered(life));
    }
    fail_with(store_write(store, &batch));
    VECTOR_DEINIT(&batch.samples);
    lives_deinit(&batch.lives);
}

/* The points that the model gives for a width: as simple as can be. */
static void expect_points(const struct model *model, uint32_t life, uint32_t series,
                          struct store_span span, const struct points *points, int64_t step_ms)
{
    size_t at = 0;
    for (size_t i = 0; i < model->length;) {
        int64_t from = model->at[i].at_ms;
        from -= step_ms ? from % step_ms : 0;
        struct point wanted = {.min = INT64_MAX, .max = INT64_MIN};
        double sum = 0;
        for (; i < model->length && (step_ms ? model->at[i].at_ms - model->at[i].at_ms % step_ms
                                             : model->at[i].at_ms) == from;
             i++) {
            const struct sample *sample = &model->at[i].sample;
            if (sample->life != life || sample->series != series ||
                model->at[i].at_ms < span.from_ms || model->at[i].at_ms > span.to_ms)
                continue;
            wanted.min = sample->value < wanted.min ? sample->value : wanted.min;
            wanted.max = sample->value > wanted.max ? sample->value : wanted.max;
            wanted.last = sample->value;
            wanted.count++;
            sum += (double)sample->value;
        }
        if (!wanted.count)
            continue;
        assert_true(at < points->length);
        const struct point *point = &points->at[at++];
        assert_int_equal(point->at_ms, from);
        assert_int_equal(point->count, wanted.count);
        assert_int_equal(point->min, wanted.min);
        assert_int_equal(point->max, wanted.max);
        assert_int_equal(point->last, wanted.last);
        assert_true(point->mean - sum / wanted.count < 1 && sum / wanted.count - point->mean < 1);
    }
    assert_int_equal(at, points->length);
}

static void check_reads(struct store *store, const struct model *model, bool whole_rollups)
{
    static const unsigned widths[] = {0, 1000000, 300, 100, 20};
    for (unsigned i = 0; i < 60; i++) {
        uint32_t life = 1 + any() % LIVES, series = any() % SERIES;
        series = series == 2 ? SERIES_SITES + 1 : series;
        struct store_span span = {0, INT64_MAX};
        unsigned width = widths[i % LENGTH_OF(widths)];
        if (i % 3 && !(whole_rollups && width && width <= 300)) {
            span.from_ms = begin_ms + (int64_t)(any() % HOURS) * HOUR + 5;
            span.to_ms = span.from_ms + (int64_t)(any() % 20) * HOUR;
        }
        struct points points = {0};
        int64_t step_ms = -1;
        fail_with(store_points(store, life, series, span, width, &points, &step_ms));
        expect_points(model, life, series, span, &points, step_ms);
        VECTOR_DEINIT(&points);
    }
}

static void check_moments(struct store *store, const struct model *model)
{
    for (unsigned i = 0; i < 30; i++) {
        uint32_t life = 1 + any() % LIVES;
        int64_t at_ms = begin_ms + (int64_t)(any() % (HOURS * 60)) * STEP + 7;
        struct samples samples = {0};
        fail_with(store_samples_at(store, life, at_ms, HOUR / 2, &samples));
        for (size_t k = 0; k < samples.length; k++) {
            int64_t wanted = INT64_MIN;
            for (size_t m = 0; m < model->length && model->at[m].at_ms <= at_ms; m++) {
                if (model->at[m].sample.life == life &&
                    model->at[m].sample.series == samples.at[k].series)
                    wanted = model->at[m].sample.value;
            }
            assert_int_equal(samples.at[k].value, wanted);
        }
        assert_int_equal(samples.length, SERIES);
        VECTOR_DEINIT(&samples);
    }
}

static void every_sample_is_found_again(void **state)
{
    (void)state;
    struct model model = {0};
    struct store *store = open_writer(), *reader = NULL;
    int64_t now_ms = begin_ms;
    for (unsigned i = 0; i < HOURS * 60; i++, now_ms += STEP) {
        write_period(store, &model, now_ms);
        bool more = false;
        if (i % 7 == 0 && i > 90)
            fail_with(store_maintain(store, now_ms,
                                     &more)); /* often in the middle of an hour's sealing */
        if (i % 600 == 599) {
            fail_with(store_open_reader(path, &reader));
            check_reads(reader, &model, i > 24 * 60); /* a day is rolled up */
            store_close(reader);
        }
    }
    check_reads(store, &model, true);
    maintain_all(store, now_ms + HOUR);
    struct store_size size;
    fail_with(store_size(store, &size));
    assert_int_equal(size.sealed_samples, model.length);
    check_reads(store, &model, true);
    check_moments(store, &model);
    maintain_all(store, now_ms + 2 * DAY);
    check_reads(store, &model, true);
    check_moments(store, &model);
    store_close(store);
    store = open_writer(); /* and once more from the file alone */
    check_reads(store, &model, true);
    store_close(store);
    VECTOR_DEINIT(&model);
}

static void check_count(struct store *store, const struct model *model)
{
    struct store_size size;
    fail_with(store_size(store, &size));
    assert_int_equal(size.samples, model->length);
}

static void all_samples_are_counted_sealed_or_not(void **state)
{
    (void)state;
    struct model model = {0};
    struct store *store = open_writer(), *reader = NULL;
    int64_t now_ms = begin_ms;
    fail_with(store_open_reader(path, &reader));
    for (unsigned i = 0; i < 400; i++, now_ms += STEP) {
        write_period(store, &model, now_ms);
        if (i % 150 == 149)
            maintain_all(store, now_ms);
        if (i % 9 == 0)
            check_count(reader, &model); /* goes on from what it counted the last time */
    }
    check_count(store, &model);
    maintain_all(store, now_ms + 3 * HOUR);
    check_count(store, &model);
    check_count(reader, &model);
    store_close(reader);
    store_close(store);
    VECTOR_DEINIT(&model);
}

static void roll_ups_stay_when_samples_go(void **state)
{
    (void)state;
    struct model model = {0};
    struct store_limits limits = {.keep_samples_ms = DAY, .keep_rollups_ms = INT64_C(400) * DAY};
    struct store *store = NULL;
    fail_with(store_open_writer(path, &limits, &store, NULL));
    int64_t now_ms = begin_ms;
    for (unsigned i = 0; i < HOURS * 60; i++, now_ms += STEP)
        write_period(store, &model, now_ms);
    maintain_all(store, now_ms + 30 * (int64_t)DAY);
    struct store_size size;
    fail_with(store_size(store, &size));
    assert_int_equal(size.sealed_samples, 0);
    struct points points = {0};
    int64_t step_ms = 0;
    fail_with(
        store_points(store, 2, 0, (struct store_span){0, INT64_MAX}, 100000, &points, &step_ms));
    assert_int_equal(points.length, HOURS * 4);
    uint64_t lowest[HOURS * 4];
    memset(lowest, 0xff, sizeof(lowest));
    for (size_t i = 0; i < model.length; i++) {
        size_t at = (size_t)((model.at[i].at_ms - begin_ms) / (15 * 60 * 1000));
        if (model.at[i].sample.life == 2 && model.at[i].sample.series == 0 &&
            (uint64_t)model.at[i].sample.value < lowest[at])
            lowest[at] = (uint64_t)model.at[i].sample.value;
    }
    for (size_t i = 0; i < points.length; i++)
        assert_int_equal(points.at[i].min, lowest[i]);
    VECTOR_DEINIT(&points);
    maintain_all(store, now_ms + 500 * (int64_t)DAY);
    fail_with(
        store_points(store, 2, 0, (struct store_span){0, INT64_MAX}, 1000, &points, &step_ms));
    assert_int_equal(points.length, 0);
    store_close(store);
    VECTOR_DEINIT(&model);
}

/* ---- records */

static void records_are_found_again(void **state)
{
    (void)state;
    struct store *store = open_writer();
    struct batch batch = {.at_ms = begin_ms, .agent = xstrdup("{\"a\":1}")};
    struct life life = life_numbered(7);
    life.release = xstrdup("v1.2.3 'quoted' \"x\"");
    life.kind = LIFE_ROLLBACK;
    life.pid = 4711;
    life.start_ticks = 12345;
    VECTOR_PUSH(&batch.lives, life);
    VECTOR_PUSH(&batch.markers, (struct marker){7, begin_ms + 1, 5, MARKER_TRIM, xstrdup("fell")});
    VECTOR_PUSH(&batch.sites, (struct site_record){.id = 3,
                                                   .kind = SITE_DEFERS,
                                                   .build_id = xstrdup("b"),
                                                   .at_function = xstrdup("main.poll"),
                                                   .at_line = 10});
    VECTOR_PUSH(&batch.standings, (struct standing){.life = 7,
                                                    .state = STANDING_CLIMBING,
                                                    .slope_per_s = 1.5,
                                                    .plateau = (double)NAN,
                                                    .to_limit_s = (double)INFINITY,
                                                    .why = xstrdup("because")});
    VECTOR_PUSH(&batch.calls, (struct call){.id = 9,
                                            .life = 7,
                                            .cause = xstrdup("bytes"),
                                            .opened_ms = begin_ms + 100,
                                            .share = 0.5,
                                            .because = xstrdup("a\nb")});
    VECTOR_PUSH(&batch.inspections,
                (struct inspection_record){
                    .id = 4, .life = 7, .at_ms = begin_ms + 50, .json = xstrdup("{}")});
    fail_with(store_write(store, &batch));
    struct store_ids ids;
    fail_with(store_ids(store, &ids));
    assert_true(ids.life == 7 && ids.site == 3 && ids.call == 9 && ids.inspection == 4);

    struct store_span all = {0, INT64_MAX};
    struct lives lives = {0};
    fail_with(store_lives(store, "odd", all, &lives));
    assert_int_equal(lives.length, 1);
    assert_string_equal(lives.at[0].release, "v1.2.3 'quoted' \"x\"");
    assert_true(lives.at[0].kind == LIFE_ROLLBACK && lives.at[0].pid == 4711 &&
                lives.at[0].start_ticks == 12345);
    lives_deinit(&lives);
    fail_with(store_lives(store, "even", all, &lives));
    assert_int_equal(lives.length, 0);
    struct markers markers = {0};
    fail_with(store_markers(store, 7, all, &markers));
    assert_true(markers.length == 1 && markers.at[0].length_ms == 5);
    markers_deinit(&markers);
    struct site_records sites = {0};
    fail_with(store_sites(store, 7, &sites));
    assert_true(sites.length == 1 && sites.at[0].at_line == 10);
    site_records_deinit(&sites);
    struct standings standings = {0};
    fail_with(store_standings(store, &standings));
    assert_true(standings.length == 1 && standings.at[0].slope_per_s == 1.5);
    assert_true(standings.at[0].plateau != standings.at[0].plateau);
    assert_true(standings.at[0].to_limit_s > 1e300);
    standings_deinit(&standings);
    struct calls calls = {0};
    fail_with(store_calls(store, UINT32_MAX, all, &calls));
    assert_true(calls.length == 1 && calls.at[0].share == 0.5);
    calls_deinit(&calls);
    batch.calls.at[0].resolved_ms = begin_ms + 200;
    batch.at_ms++;
    fail_with(store_write(store, &batch));
    fail_with(store_calls(store, 7, (struct store_span){begin_ms + 300, INT64_MAX}, &calls));
    assert_int_equal(calls.length, 0);
    struct inspection_record record;
    fail_with(store_inspection(store, 4, &record));
    assert_string_equal(record.json, "{}");
    inspection_record_deinit(&record);
    expect(store_inspection(store, 5, &record), "no inspection 5");
    char *json = NULL;
    int64_t at_ms = 0;
    fail_with(store_agent(store, &json, &at_ms));
    assert_string_equal(json, "{\"a\":1}");
    assert_int_equal(at_ms, begin_ms + 1);
    free(json);
    store_close(store);
    lives_deinit(&batch.lives);
    markers_deinit(&batch.markers);
    site_records_deinit(&batch.sites);
    standings_deinit(&batch.standings);
    calls_deinit(&batch.calls);
    inspection_records_deinit(&batch.inspections);
    free(batch.agent);
}

/* ---- files that are not as they should be */

static void write_file(const char *name, const char *bytes, size_t length)
{
    int descriptor = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(descriptor, bytes, length), length);
    close(descriptor);
}

static unsigned files_in(const char *name)
{
    unsigned count = 0;
    DIR *entries = opendir(name);
    for (struct dirent *entry; entry = readdir(entries), entry != NULL;)
        count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

static void what_is_no_store_is_refused(void **state)
{
    (void)state;
    struct store *store = NULL;
    static const char other[] =
        "This is somebody's letter and nothing else. It is long enough to have a head, "
        "and it is to be left as it is, whatever happens to it.";
    char letter[96];
    static const char *const names[] = {"%s/letter", "%s/letter.db"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        snprintf(letter, sizeof(letter), names[i], folder);
        write_file(letter, other, sizeof(other));
        expect(store_open_writer(letter, &store_limits_default, &store, NULL),
               "is not a store of seep");
        expect(store_open_reader(letter, &store), "is not a store of seep");
    }
    expect(store_open_writer("", &store_limits_default, &store, NULL), "the name of a file");
    expect(store_open_writer("/dev/null", &store_limits_default, &store, NULL), "is no file");
    expect(store_open_reader(path, &store), "there is no store at");
    expect(store_open_writer(folder, &store_limits_default, &store, NULL), "is no file");
    expect(store_open_writer("/nowhere/at/all.db", &store_limits_default, &store, NULL),
           "/nowhere/at/all.db");
    expect(store_open_writer("postgres://x", &store_limits_default, &store, NULL),
           "in a file only");
    struct stat status;
    assert_int_equal(stat(letter, &status), 0);
    assert_int_equal(status.st_size, sizeof(other));
    assert_int_equal(files_in(folder), LENGTH_OF(names));
    assert_int_equal(access("/dev/null-lock", F_OK), -1);
}

static void a_second_writer_is_refused(void **state)
{
    (void)state;
    struct store *store = open_writer(), *second = NULL;
    expect(store_open_writer(path, &store_limits_default, &second, NULL), "in use by another");
    store_close(store);
    store_close(open_writer());
}

static void a_broken_store_is_moved_aside(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        struct model model = {0};
        struct store *store = open_writer();
        struct store_file ours = store_opened(store);
        for (unsigned i = 0; i < 200; i++)
            write_period(store, &model, begin_ms + i * STEP);
        store_close(store);
        VECTOR_DEINIT(&model);
        int descriptor = open(path, O_RDWR);
        char junk[4096];
        memset(junk, 'x', sizeof(junk));
        if (round == 0) /* its head */
            assert_int_equal(pwrite(descriptor, junk, 100, 0), 100);
        else if (round == 1) /* its table of tables */
            assert_int_equal(pwrite(descriptor, junk, 2000, 100), 2000);
        else /* cut off */
            assert_int_equal(ftruncate(descriptor, 5000), 0);
        close(descriptor);
        char *moved = NULL;
        if (round == 0) /* whose it was shows no longer: only who had it open may move it */
            expect(store_open_writer(path, &store_limits_default, &store, &moved), "move it away");
        if (round == 0)
            fail_with(store_open_again(path, &store_limits_default, &ours, &store, &moved));
        else
            fail_with(store_open_writer(path, &store_limits_default, &store, &moved));
        assert_non_null(moved);
        free(moved);
        struct batch batch = {.at_ms = begin_ms};
        fail_with(store_write(store, &batch));
        store_close(store);
        unlink(path);
    }
}

static void a_store_of_a_newer_seep_is_left_alone(void **state)
{
    (void)state;
    store_close(open_writer());
    int descriptor = open(path, O_RDWR);
    static const uint8_t version[4] = {0, 0, 0, 99};
    assert_int_equal(pwrite(descriptor, version, 4, 60), 4);
    close(descriptor);
    struct store *store = NULL;
    unsigned files = files_in(folder);
    char lock[sizeof(path) + 8];
    snprintf(lock, sizeof(lock), "%s-lock", path);
    assert_int_equal(unlink(lock), 0);
    expect(store_open_writer(path, &store_limits_default, &store, NULL), "from a newer seep");
    assert_int_equal(files_in(folder), files - 1);
    expect(store_open_reader(path, &store), "from a newer seep");
}

/* Every byte that a file has may be another one: answers may be wrong or missing, but nothing breaks. */
static void damaged_blobs_break_nothing(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        struct model model = {0};
        struct store *store = open_writer();
        for (unsigned i = 0; i < 150; i++)
            write_period(store, &model, begin_ms + i * STEP);
        maintain_all(store, begin_ms + 3 * HOUR + (round % 2) * 3 * (int64_t)DAY);
        store_close(store);
        VECTOR_DEINIT(&model);
        int descriptor = open(path, O_RDWR);
        struct stat status;
        assert_int_equal(fstat(descriptor, &status), 0);
        for (unsigned i = 0; i < 200; i++) {
            uint8_t byte = (uint8_t)any();
            off_t at = 4096 + (off_t)(any() % (uint64_t)(status.st_size - 4096));
            assert_int_equal(pwrite(descriptor, &byte, 1, at), 1);
        }
        close(descriptor);
        struct error *error = store_open_reader(path, &store);
        for (uint32_t life = 1; !error && life <= LIVES; life++) {
            struct points points = {0};
            int64_t step_ms = 0;
            error_ignore(store_points(store, life, 0, (struct store_span){0, INT64_MAX}, life * 10,
                                      &points, &step_ms));
            VECTOR_DEINIT(&points);
            struct samples samples = {0};
            error_ignore(store_samples_at(store, life, begin_ms + HOUR, DAY, &samples));
            VECTOR_DEINIT(&samples);
        }
        if (!error_ignore(error))
            store_close(store);
        remove_folder(NULL);
        mkdir(folder, 0700);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_survive_the_codec),
        cmocka_unit_test(periods_give_the_lives_that_are_asked_for),
        cmocka_unit_test_setup_teardown(every_sample_is_found_again, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(all_samples_are_counted_sealed_or_not, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(roll_ups_stay_when_samples_go, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(records_are_found_again, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_no_store_is_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_second_writer_is_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_broken_store_is_moved_aside, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_store_of_a_newer_seep_is_left_alone, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(damaged_blobs_break_nothing, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

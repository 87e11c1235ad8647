/* Everything from core file to report. The input is damage to a program and its core (tests/unit/data): u8 which of the
 * two programs, then records of 16 bytes: what is done, how wide, a place, a value. A place counts the words that are
 * not zero, so that damage hits something. */
#include "fuzz.h"
#include "packed.h"
#include "pipeline.h"

enum damage {
    EXE_WORD,
    CORE_WORD,
    CORE_COPY,
    CORE_SELF,
    EXE_ANYWHERE,
    CORE_ANYWHERE,
    EXE_CUT,
    CORE_CUT,
    DAMAGES
};

struct subject {
    struct unpacked file;
    uint32_t *words; /* offsets of those that are not zero */
    size_t count;
};

static struct subject load(const char *path)
{
    struct subject subject = {.file = packed_read(path)};
    subject.words = calloc(subject.file.size / 8 + 1, sizeof(*subject.words));
    for (size_t at = 0; at + 8 <= subject.file.size; at += 8) {
        if (memcmp(subject.file.bytes + at, "\0\0\0\0\0\0\0", 8) != 0)
            subject.words[subject.count++] = (uint32_t)at;
    }
    return subject;
}

static void write_at(int file, const struct subject *subject, size_t at, const void *bytes,
                     size_t width)
{
    if (at < subject->file.size && subject->file.size - at >= width)
        packed_demand(pwrite(file, bytes, width, (off_t)at) == (ssize_t)width, "damage");
}

static void apply(const int files[2], const struct subject subjects[2], struct fuzz_input *input)
{
    enum damage damage = (enum damage)(fuzz_number(input, 1) % DAMAGES);
    size_t width = fuzz_number(input, 1) % 8 + 1, shift = fuzz_number(input, 2) % 8;
    uint64_t place = fuzz_number(input, 4), value = fuzz_number(input, 8);
    unsigned which = damage != EXE_WORD && damage != EXE_ANYWHERE && damage != EXE_CUT;
    const struct subject *subject = &subjects[which];
    size_t word = subject->words[place % subject->count];
    if (damage == CORE_COPY)
        memcpy(&value, subject->file.bytes + subject->words[value % subject->count], 8);
    if (damage ==
        CORE_SELF) { /* a word becomes its neighbour: chains bite their tails, lists overlap */
        memcpy(&value, subject->file.bytes + word, 8);
        value += 8 * (shift + 1);
    }
    if (damage == CORE_COPY || damage == CORE_SELF)
        write_at(files[which], subject, word, &value, 8);
    else if (damage == EXE_WORD || damage == CORE_WORD)
        write_at(files[which], subject, word + shift, &value, width);
    else if (damage == EXE_ANYWHERE || damage == CORE_ANYWHERE)
        write_at(files[which], subject, place % subject->file.size, &value, width);
    else
        packed_demand(ftruncate(files[which], (off_t)(place % subject->file.size)) == 0, "damage");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct subject subjects[2][2];
    static FILE *sink;
    static const char *const names[] = {"amd64", "arm64"};
    for (unsigned i = 0; !sink && i < 4; i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/shop-%s%s.packed", TEST_DATA, names[i / 2],
                 i % 2 ? ".core" : "");
        subjects[i / 2][i % 2] = load(path);
    }
    sink = sink ? sink : fopen("/dev/null", "we");
    struct fuzz_input input = {data, size};
    const struct subject *pair = subjects[fuzz_number(&input, 1) % 2];
    char paths[2][FILE_IN_MEMORY_PATH];
    int files[2];
    for (unsigned i = 0; i < 2; i++)
        files[i] = file_in_memory(pair[i].file.bytes, pair[i].file.size, paths[i]);
    while (input.left)
        apply(files, pair, &input);
    struct target *target = NULL;
    size_t findings = 0;
    struct error *error = target_open_core(paths[1], paths[0], &target);
    if (!error)
        error = pipeline_run(target, sink, &findings);
    error_destroy(error);
    target_close(target);
    close(files[0]);
    close(files[1]);
    return 0;
}

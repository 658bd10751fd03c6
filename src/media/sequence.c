#include "media/sequence.h"

#include "base/alloc.h"
#include "base/status.h"

#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DIGITS_MAX 12

struct trii_sequence {
    glob_t names;      /* of a pattern */
    bool is_glob, is_read;
    char *before, *after; /* what stands around the number */
    int digits;
    uint64_t first, count; /* count 0: not known */
    char *name;
    size_t name_bytes;
};

/* "%d" or "%04d": where it is, how long, how many digits. The text itself never becomes a format. */
static const char *find_number(const char *path, size_t *length, int *digits) {
    for (const char *at = strchr(path, '%'); at; at = strchr(at + 1, '%')) {
        size_t n = 1;
        int value = 0;
        if (at[n] == '0')
            n++;
        while (at[n] >= '0' && at[n] <= '9' && value <= DIGITS_MAX)
            value = value * 10 + (at[n++] - '0');
        if (at[n] != 'd' || value > DIGITS_MAX)
            continue;
        *length = n + 1;
        *digits = value > 0 ? value : 1;
        return at;
    }
    return NULL;
}

bool trii_sequence_is(const char *path) {
    size_t length;
    int digits;
    return find_number(path, &length, &digits) || (strpbrk(path, "*?[") && access(path, F_OK) != 0);
}

static const char *numbered(struct trii_sequence *s, uint64_t number) {
    snprintf(s->name, s->name_bytes, "%s%0*" PRIu64 "%s", s->before, s->digits, number, s->after);
    return s->name;
}

static tri_status split(struct trii_sequence *s, const char *path, struct tri_error *err) {
    size_t length;
    const char *at = find_number(path, &length, &s->digits);
    s->before = trii_strdup(path);
    s->after = trii_strdup(at + length);
    s->name_bytes = strlen(path) + 24;
    s->name = trii_calloc(s->name_bytes, 1);
    if (!s->before || !s->after || !s->name)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the names of %s", path);
    s->before[at - path] = '\0';
    return TRI_OK;
}

/* Counted here, once: a file that appears later is not part of it. */
static tri_status count_files(struct trii_sequence *s, const char *path, struct tri_error *err) {
    while (s->first < 10 && access(numbered(s, s->first), F_OK) != 0)
        s->first++;
    while (access(numbered(s, s->first + s->count), F_OK) == 0)
        s->count++;
    return s->count ? TRI_OK : trii_fail(err, TRI_NOT_FOUND, "there is no image %s (numbers 0 to 9 were tried)", path);
}

static tri_status find_files(struct trii_sequence *s, const char *path, struct tri_error *err) {
    s->is_glob = true;
    int failed = glob(path, 0, NULL, &s->names);
    if (failed == GLOB_NOMATCH)
        return trii_fail(err, TRI_NOT_FOUND, "no file matches %s", path);
    if (failed)
        return trii_fail(err, TRI_IO, "the files that match %s can't be listed", path);
    s->count = s->names.gl_pathc;
    return TRI_OK;
}

static tri_status open_sequence(const char *path, bool is_read, struct trii_sequence **out, struct tri_error *err) {
    struct trii_sequence *s = trii_calloc(1, sizeof *s);
    size_t length;
    int digits;
    if (!s)
        return trii_fail(err, TRI_NO_MEMORY, "no memory for the names of %s", path);
    s->is_read = is_read;
    tri_status status = TRI_OK;
    if (find_number(path, &length, &digits)) {
        status = split(s, path, err);
        if (status == TRI_OK && is_read)
            status = count_files(s, path, err);
        s->first = is_read ? s->first : 1;
    } else if (is_read) {
        status = find_files(s, path, err);
    } else {
        status = trii_fail(err, TRI_INVALID_ARGUMENT, "%s names no sequence: put a number into it, like out-%%04d.png", path);
    }
    if (status != TRI_OK)
        trii_sequence_close(&s);
    else
        *out = s;
    return status;
}

tri_status trii_sequence_open(const char *path, struct trii_sequence **out, struct tri_error *err) {
    return open_sequence(path, true, out, err);
}

tri_status trii_sequence_create(const char *path, struct trii_sequence **out, struct tri_error *err) {
    return open_sequence(path, false, out, err);
}

uint64_t trii_sequence_count(const struct trii_sequence *sequence) {
    return sequence->count;
}

const char *trii_sequence_name(struct trii_sequence *s, uint64_t index) {
    if (s->is_read && index >= s->count)
        return NULL;
    return s->is_glob ? s->names.gl_pathv[index] : numbered(s, s->first + index);
}

void trii_sequence_close(struct trii_sequence **sequence) {
    struct trii_sequence *s = *sequence;
    if (!s)
        return;
    if (s->is_glob)
        globfree(&s->names);
    trii_free(s->before);
    trii_free(s->after);
    trii_free(s->name);
    trii_free(s);
    *sequence = NULL;
}

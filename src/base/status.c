#include "base/status.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    tri_status status;
    int exit_code;
    const char *name;
    const char *text;
} table[] = {
#define ROW(name, value, exit_code, text) {(value), (exit_code), #name, text},
    TRI_STATUS_LIST(ROW)
#undef ROW
};

/* The list is dense from 0 downward; this keeps the look-up honest if that ever changes. */
static size_t row_of(tri_status status) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].status == status)
            return i;
    return SIZE_MAX;
}

const char *tri_status_name(tri_status status) {
    size_t i = row_of(status);
    return i == SIZE_MAX ? "UNKNOWN" : table[i].name;
}

const char *tri_status_text(tri_status status) {
    size_t i = row_of(status);
    return i == SIZE_MAX ? "a status that this version does not know" : table[i].text;
}

int tri_status_exit_code(tri_status status) {
    size_t i = row_of(status);
    return i == SIZE_MAX ? 70 : table[i].exit_code;
}

void trii_name_copy(char *to, size_t to_bytes, const char *from) {
    size_t n = strlen(from);
    if (n >= to_bytes) {
        n = to_bytes - 1;
        while (n > 0 && ((unsigned char)from[n] & 0xC0u) == 0x80u)
            n--;
    }
    memcpy(to, from, n); /* not payload: a name */
    to[n] = '\0';
}

static void begin(struct tri_error *err, tri_status status) {
    *err = (struct tri_error){.status = status};
}

tri_status trii_fail(struct tri_error *err, tri_status status, const char *format, ...) {
    if (err) {
        va_list args;
        begin(err, status);
        va_start(args, format);
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        trii_text_clean(err->message); /* paths and engines' words come with anything in them */
    }
    return status;
}

tri_status trii_fail_errno(struct tri_error *err, tri_status status, int error_number, const char *format, ...) {
    if (err) {
        char reason[128];
        va_list args;
        begin(err, status);
        err->engine_code = error_number;
        va_start(args, format);
        int n = vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        size_t used = n < 0 ? 0 : (size_t)n;
        if (used < sizeof err->message)
            snprintf(err->message + used, sizeof err->message - used, ": %s",
                     strerror_r(error_number, reason, sizeof reason));
        trii_text_clean(err->message);
    }
    return status;
}

static void fill(char *field, const char *name) {
    if (name && !field[0])
        trii_name_copy(field, TRI_ERROR_NAME_BYTES, name);
}

tri_status trii_error_place(struct tri_error *err, tri_status status, const char *engine, const char *stage,
                            const char *region) {
    if (err && status != TRI_OK) {
        fill(err->engine, engine);
        fill(err->stage, stage);
        fill(err->region, region);
    }
    return status;
}

void trii_error_copy(struct tri_error *to, const struct tri_error *from) {
    if (to && to != from)
        *to = *from;
}

#include "cli.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int cli_fail(const struct tri_error *err) {
    char stage[TRI_ERROR_NAME_BYTES];
    fprintf(stderr, "tripoint: ");
    if (err->stage[0])
        fprintf(stderr, "stage '%s'%s%s: ", cli_plain(err->stage, stage, sizeof stage), err->engine[0] ? " on " : "",
                err->engine);
    else if (err->engine[0])
        fprintf(stderr, "%s: ", err->engine);
    fprintf(stderr, "%s\n", err->message[0] ? err->message : tri_status_text(err->status));
    return tri_status_exit_code(err->status);
}

int cli_usage(const char *verb, const char *format, ...) {
    va_list args;
    char sentence[1024];
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    trii_text_clean(sentence);
    fprintf(stderr, "tripoint%s%s: %s\nTry: tripoint %s%s--help\n", verb[0] ? " " : "", verb, sentence, verb,
            verb[0] ? " " : "");
    return tri_status_exit_code(TRI_INVALID_ARGUMENT);
}

const char *cli_plain(const char *from, char *text, size_t text_bytes) {
    snprintf(text, text_bytes, "%s", from);
    trii_text_clean(text);
    return text;
}

bool cli_read_whole(const char *text, uint32_t most, uint32_t *out) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || *end || end == text || value < 1 || value > (long)most)
        return false;
    *out = (uint32_t)value;
    return true;
}

char *cli_value_of(char *text) {
    char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return NULL;
    *equals = '\0';
    return equals + 1;
}

int cli_flush(void) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    if (errno == 0) { /* lost earlier, and the reason with it: the next byte is lost for the same one */
        clearerr(stdout);
        (void)!(fputc('\n', stdout) == EOF || fflush(stdout));
    }
    fprintf(stderr, "tripoint: can't write standard output%s%s\n", errno ? ": " : "", errno ? strerror(errno) : "");
    clearerr(stdout); /* told once */
    return tri_status_exit_code(TRI_IO);
}

double cli_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

const char *cli_bytes(uint64_t bytes, char *text, size_t text_bytes) {
    if (bytes < 1000)
        snprintf(text, text_bytes, "%u byte%s", (unsigned)bytes, bytes == 1 ? "" : "s");
    else if (bytes < 1000000)
        snprintf(text, text_bytes, "%.1f kB", (double)bytes * 1e-3);
    else
        snprintf(text, text_bytes, "%.1f MB", (double)bytes * 1e-6);
    return text;
}

void cli_engine_params(struct tri_engine_params params[TRI_TECHNOLOGY_COUNT]) {
    for (int i = 0; i < TRI_TECHNOLOGY_COUNT; i++)
        params[i] = (struct tri_engine_params){.struct_bytes = sizeof *params, .may_set_environment = true};
    if (tri_engine_choose_driver(&params[TRI_TECHNOLOGY_WEBGPU], NULL) != TRI_OK)
        return; /* a webgpu engine that is needed will say what is missing */
}

/* Errors: ours in one sentence, libav's complaints kept so that the sentence can quote them. */
#include "base/text.h"
#include "inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t words_lock = PTHREAD_MUTEX_INITIALIZER;
static char words[160];

TRI_PRINTF(3, 0) static void keep(void *object, int level, const char *format, va_list args) {
    (void)object;
    if (level > AV_LOG_ERROR)
        return;
    pthread_mutex_lock(&words_lock);
    vsnprintf(words, sizeof words, format, args);
    words[strcspn(words, "\n")] = '\0';
    pthread_mutex_unlock(&words_lock);
}

void video_listen(void) {
    av_log_set_callback(keep);
}

void video_last_words(char *text, size_t text_bytes) {
    pthread_mutex_lock(&words_lock);
    snprintf(text, text_bytes, "%s", words);
    words[0] = '\0';
    pthread_mutex_unlock(&words_lock);
}

static tri_status fill(struct tri_error *err, tri_status status, int code, const char *text) {
    if (!err)
        return status;
    *err = (struct tri_error){.status = status, .engine_code = code};
    snprintf(err->message, sizeof err->message, "%s", text);
    trii_text_clean(err->message); /* libav quotes what stands in files */
    return status;
}

tri_status video_fail(struct tri_error *err, tri_status status, const char *format, ...) {
    char text[TRI_ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fill(err, status, 0, text);
}

tri_status video_fail_code(struct tri_error *err, tri_status status, int code, const char *format, ...) {
    char text[TRI_ERROR_MESSAGE_BYTES], reason[AV_ERROR_MAX_STRING_SIZE], said[sizeof words];
    va_list args;
    va_start(args, format);
    int used = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    video_last_words(said, sizeof said);
    av_strerror(code, reason, sizeof reason);
    if (used >= 0 && (size_t)used < sizeof text)
        snprintf(text + used, sizeof text - (size_t)used, ": %s%s%s", reason, said[0] ? "; libav says: " : "", said);
    return fill(err, status, code, text);
}

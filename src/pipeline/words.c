#include "pipeline/words.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 48u
#define EDITS_MAX 2u

static size_t least(size_t a, size_t b, size_t c) {
    size_t least_two = a < b ? a : b;
    return least_two < c ? least_two : c;
}

/* Levenshtein's distance, one row at a time. Words longer than WORD_MAX are never near. */
static size_t edits(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b), row[WORD_MAX + 1];
    if (n > WORD_MAX || m > WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[m];
}

const char *trii_words_nearest(const char *word, const char *const *known, size_t count) {
    const char *best = NULL;
    size_t best_edits = EDITS_MAX + 1;
    for (size_t i = 0; i < count; i++) {
        size_t e = edits(word, known[i]);
        if (e < best_edits && e < strlen(known[i])) {
            best = known[i];
            best_edits = e;
        }
    }
    return best;
}

char *trii_words_known(char *text, const char *word, const char *const *known, size_t count) {
    const char *guess = word ? trii_words_nearest(word, known, count) : NULL;
    /* room kept for the end of the sentence: `, ... (did you mean "48 bytes"?)` */
    const size_t room = TRII_WORDS_BYTES - WORD_MAX - 32;
    size_t used = (size_t)snprintf(text, TRII_WORDS_BYTES, "known: ");
    if (count == 0)
        used += (size_t)snprintf(text + used, TRII_WORDS_BYTES - used, "none");
    for (size_t i = 0; i < count; i++) {
        if (used + strlen(known[i]) + 2 > room) {
            used += (size_t)snprintf(text + used, TRII_WORDS_BYTES - used, ", ...");
            break;
        }
        used += (size_t)snprintf(text + used, TRII_WORDS_BYTES - used, "%s%s", i ? ", " : "", known[i]);
    }
    if (guess)
        snprintf(text + used, TRII_WORDS_BYTES - used, " (did you mean \"%s\"?)", guess);
    return text;
}

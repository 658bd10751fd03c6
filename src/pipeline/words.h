/* Error sentences that help: what is known, and which of it was probably meant. */
#ifndef TRIPOINT_PIPELINE_WORDS_H
#define TRIPOINT_PIPELINE_WORDS_H

#include <stddef.h>

#define TRII_WORDS_BYTES 224

/* Writes `known: a, b, c (did you mean "b"?)` into `text` (TRII_WORDS_BYTES) and returns it. A list that is too long
 * ends in "...". `word` may be NULL: then nothing is guessed. */
char *trii_words_known(char *text, const char *word, const char *const *known, size_t count);

/* The known word that `word` most resembles: at most two edits away, and nearer than to be made anew. NULL when none. */
const char *trii_words_nearest(const char *word, const char *const *known, size_t count);

#endif

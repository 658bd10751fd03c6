/* The heap, so that tests can make every allocation fail (fault.h). Sizes are checked. */
#ifndef TRIPOINT_BASE_ALLOC_H
#define TRIPOINT_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed; NULL when count * bytes overflows or memory is out. count or bytes of 0 gives a pointer to free. */
void *trii_calloc(size_t count, size_t bytes);
/* NULL leaves `old` as it was. */
void *trii_realloc(void *old, size_t count, size_t bytes);
/* A copy of a text; NULL for NULL or when memory is out. */
char *trii_strdup(const char *text);
/* printf into fresh memory. */
char *trii_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
void trii_free(void *memory);

/* Allocations made through this header since the process began: "nothing is allocated a run" is a count. */
uint64_t trii_alloc_count(void);

#endif

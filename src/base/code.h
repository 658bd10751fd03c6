/*
 * Whose an instruction is: which file it was loaded from and which function it belongs to, or that it was made at run
 * time.
 *
 * Functions are told apart by the unwinder's table (.eh_frame_hdr), which stripped libraries have too; their names come
 * from the dynamic symbols, then from the file's own table where it has one.
 *
 * Ownership: texts are copied. Threads: any; not in a signal handler. Errors: what is not known stays empty.
 */
#ifndef TRIPOINT_BASE_CODE_H
#define TRIPOINT_BASE_CODE_H

#include "base/maps.h"

struct trii_code {
    bool generated;     /* no file: made at run time */
    uintptr_t function; /* where its function begins; 0 when that is not known */
    char file[64];      /* "libc.so.6" */
    char name[96];      /* "memmove"; "" */
};

void trii_code_find(const struct trii_maps *maps, uintptr_t code, struct trii_code *out);
/* Where the function of an instruction begins, in whatever file; 0 when no table tells. */
uintptr_t trii_code_function(uintptr_t code);
/* True for code of the file that this library lies in. */
bool trii_code_is_ours(uintptr_t code);
/* True for a string move (rep movs): an instruction that copies whoever it belongs to. The instruction must still be
 * mapped readable. */
bool trii_code_moves_strings(const struct trii_maps *maps, uintptr_t code);

#endif

/*
 * tripoint/proof.h - who touches the arena's pages, told by the pages themselves.
 *
 * While a proof goes on, every page of the arena is closed (PROT_NONE, on every mapping of it) before each *step* - a
 * stage of a plan that runs on the arena, what lies between two stages, or what the program names. The first load and
 * the first store to each page are a fault, and a fault tells whose instruction it was: code that an engine generated, a
 * library's function, or the copying of the C library. docs/prove.md says what that catches and what it does not.
 *
 * Ownership: a proof belongs to who began it; end it before its arena is destroyed.
 * Threads:   one proof at a time in a process. tri_proof_step() and tri_proof_end() while nothing works on the arena.
 * Errors:    TRI_BUSY when there is a proof already; TRI_UNSUPPORTED on processors whose faults can't be read and on
 *            arenas of huge pages.
 *
 * Copyright the Tripoint authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TRIPOINT_PROOF_H
#define TRIPOINT_PROOF_H

#include <tripoint/arena.h>

TRI_BEGIN_DECLS

struct tri_proof;

struct tri_proof_params {
    size_t struct_bytes;     /**< sizeof(struct tri_proof_params) */
    uint64_t mappings_max;   /**< how many mappings the process may have; 0: vm.max_map_count */
    /** Also sees system calls that read or write the arena's pages or its files. Installs a seccomp filter that stays
     * for the rest of the process's life. */
    bool watch_system_calls;
};

/** What a step is: copies at the border (decoding, encoding, handing pixels in) are no copies between stages. */
enum tri_proof_place { TRI_PROOF_BORDER, TRI_PROOF_STAGE, TRI_PROOF_BETWEEN };

enum tri_toucher {
    TRI_TOUCHER_GENERATED, /**< code that was made at run time: shaders, networks, guests */
    TRI_TOUCHER_LIBRARY,   /**< a function of a file: kernels of this library, a codec's, an engine's own */
    TRI_TOUCHER_COPYING,   /**< memcpy and its kin, or a string move instruction */
    TRI_TOUCHER_FILLING,   /**< memset and its kin */
    TRI_TOUCHER_SYSTEM     /**< a system call */
};
TRI_API const char *tri_toucher_name(enum tri_toucher toucher);

/** One line: so many pages of a region whose first load (or store) in a step was one toucher's. */
struct tri_proof_line {
    size_t step;                     /**< counts from 0 */
    const char *step_name;           /**< the stage's name, or the one given; "" between two stages */
    enum tri_proof_place place;
    enum tri_technology technology;  /**< of TRI_PROOF_STAGE */
    const char *region;              /**< its label; "no region" for pages that are free */
    uint64_t region_pages;
    enum tri_access access;          /**< READ or WRITE: which of the two came first to these pages */
    enum tri_toucher toucher;
    const char *who;                 /**< "generated code", "libjpeg.so.62 (jsimd_idct_islow_avx2)" */
    uint64_t pages;
    bool is_copy;                    /**< copying or a system call, in a stage or between two: what the verdict is about */
};

/** Counts beside the lines. */
struct tri_proof_counts {
    uint64_t steps, regions;
    uint64_t touches;    /**< first loads and stores that were seen */
    uint64_t copying;    /**< of them by copying or a system call, in stages or between them */
    uint64_t unseen;     /**< pages that were opened with a neighbour, to stay below the limit on mappings */
    uint64_t lost;       /**< touches for which there was no room: nothing is proven then */
    bool system_calls_watched;
    const char *system_calls_why; /**< why not; "" */
};

/** Closes the arena's pages. Everything until the first stage or step belongs to no step and is not told. */
TRI_API TRI_MUST_USE tri_status tri_proof_begin(struct tri_arena *arena, const struct tri_proof_params *params,
                                                struct tri_proof **out, struct tri_error *err);
/** What follows, until the next step or the next stage of a plan, is called `name`. */
TRI_API TRI_MUST_USE tri_status tri_proof_step(struct tri_proof *proof, const char *name, enum tri_proof_place place,
                                               struct tri_error *err);
/** Opens the pages. The lines can be read from now on. */
TRI_API TRI_MUST_USE tri_status tri_proof_end(struct tri_proof *proof, struct tri_error *err);
/** Line `index`, in the order of steps, regions, reading before writing, most pages first; false past the last. Texts
 * live as long as the proof. */
TRI_API bool tri_proof_line(const struct tri_proof *proof, size_t index, struct tri_proof_line *out);
TRI_API void tri_proof_counts(const struct tri_proof *proof, struct tri_proof_counts *out);
/** TRI_OK when no copy was seen in a stage or between two, else TRI_COPY_REFUSED: the sentence names step, region and
 * culprit. TRI_LIMIT when touches were lost. */
TRI_API TRI_MUST_USE tri_status tri_proof_verdict(const struct tri_proof *proof, struct tri_error *err);
/** Ends it if that has not been done. */
TRI_API void tri_proof_destroy(struct tri_proof **proof);

TRI_END_DECLS

#endif

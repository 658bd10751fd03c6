/*
 * The crew: threads that share the rows of a stage with the thread that runs it.
 *
 * Rows are cut into tiles. The caller works on them itself and calls the others; each takes the next tile that nobody has
 * taken, so who comes late does less, and nobody who does not come is waited for. Between two runs a thread looks for
 * the next one for some microseconds and then sleeps: longer, and it would take the processor from the threads of other
 * engines, which the next stage may well need.
 *
 * One run has the crew at a time; who finds it taken, or finds all processors computing already (base/busy.h), works alone,
 * on all rows in one call. The bits that come out do not depend on who worked on what.
 *
 * Ownership: a crew belongs to its engine. Its threads start at the first trii_crew_start(), never later.
 * Threads:   trii_crew_run() from any, side by side; the others from one at a time.
 * Errors:    none: a thread that can't be started is one fewer.
 */
#ifndef TRIPOINT_ENGINE_HOST_CREW_H
#define TRIPOINT_ENGINE_HOST_CREW_H

#include "base/sys.h"

#include "kernels.h"

#define TRII_CREW_MAX 64u /* members, the caller among them */

/* Works on some rows. `member` numbers who does: 0 is the caller of the run, none is there twice. */
typedef void trii_crew_work(const void *job, struct trii_rows rows, uint32_t member);

struct trii_crew_member {
    struct trii_crew *crew;
    uint32_t number;
    struct trii_thread *thread;
};

/* So far from the next word that no two share a line of the cache. */
struct trii_crew_word {
    _Atomic uint32_t value;
    uint8_t apart[60];
};

struct trii_crew {
    uint32_t size;    /* members that there may be */
    bool is_started;  /* once: who has counted its members must be able to rely on it */
    uint32_t started; /* threads that there are */
    struct trii_crew_member members[TRII_CREW_MAX]; /* [0] is not used: the caller */

    /* Of the run: written before `tiles` is published, read by who has taken a tile. */
    trii_crew_work *work;
    const void *job;
    uint32_t rows, count;

    struct trii_crew_word taken; /* a run has the crew */
    struct trii_crew_word tiles; /* how many there are, and below, in 16 bits, which is the next to be taken */
    struct trii_crew_word done;  /* tiles; a futex word, with `is_awaited` */
    struct trii_crew_word is_awaited;
    struct trii_crew_word calls; /* counts; a futex word, with `sleepers` */
    struct trii_crew_word sleepers;
    struct trii_crew_word closing;
};

/* `size` 0: as many as there are processors. */
void trii_crew_init(struct trii_crew *crew, uint32_t size);
/* No run is in progress. */
void trii_crew_finish(struct trii_crew *crew);
/* From then on `started` stays as it is. */
void trii_crew_start(struct trii_crew *crew);
/* Works on rows 0 ... rows - 1, in tiles of at least `least` rows and at most `each` tiles a member. */
void trii_crew_run(struct trii_crew *crew, uint32_t rows, uint32_t least, uint32_t each, trii_crew_work *work,
                   const void *job);

#endif

/*
 * Which engine runs each stage: picks one candidate a stage by what whole frames cost. It knows no engine, no memory and
 * no clock: a function measures an assignment, another one tells the time, so tests tell what they like.
 *
 * Few assignments (at most TRII_CHOOSE_WHOLE) are all measured as whole frames. Of more, sixteen are measured that show
 * each stage after each candidate of the stage before it; from these costs, hand-overs included, the cheapest chain is
 * worked out, and measured beside them. Measuring goes in rounds over those that still may win, and the middle of an
 * assignment's rounds counts: what slows the machine for a moment does not decide. Of what is within TRII_CHOOSE_TIE of the best, the assignment with the fewest engines wins,
 * then the one whose candidates were named first.
 *
 * A candidate that fails when it is measured is dropped with its reason, and what needs it is measured no more.
 *
 * Ownership: the caller's; trii_choose() allocates for its own time only.
 */
#ifndef TRIPOINT_PIPELINE_CHOOSE_H
#define TRIPOINT_PIPELINE_CHOOSE_H

#include <tripoint/pipeline.h>

#define TRII_CHOOSE_CANDIDATES 8
#define TRII_CHOOSE_WHOLE 16u
#define TRII_CHOOSE_TIE 1.05 /* closer than a measurement is sure of */
#define TRII_CHOOSE_OFF 1.3  /* a first measurement this far behind the best is not repeated */
#define TRII_CHOOSE_ROUNDS 7u
#define TRII_CHOOSE_ROUNDS_SURE 3u /* the budget ends none of these */
#define TRII_CHOOSE_WHY_BYTES 256

struct trii_candidate {
    enum tri_technology technology;
    uint32_t streams;    /* webnn: so many inferences at once, a thread each; 0: as it is opened for all */
    uint64_t frame_ns;   /* the best whole frame with it; 0: not measured */
    uint64_t stage_ns;   /* the stage's share of it */
    tri_status dropped;  /* TRI_OK: it may be chosen */
    char why[TRII_CHOOSE_WHY_BYTES]; /* it was dropped */
};

struct trii_choice_stage {
    const char *name, *operation; /* borrowed */
    struct trii_candidate list[TRII_CHOOSE_CANDIDATES]; /* a fixed stage has one */
    size_t count;
    size_t chosen;
};

struct trii_choice {
    struct trii_choice_stage *stages;
    size_t stage_count;
    uint64_t frame_ns; /* of what was chosen; 0: nothing had to be measured */
    uint32_t measured; /* assignments */
    uint32_t possible; /* assignments there were, saturating */
};

/* What one assignment cost. */
struct trii_cost {
    uint64_t frame_ns;
    uint64_t stage_ns[TRI_STAGES_MAX];
    size_t failed; /* the stage that failed; SIZE_MAX: none can be blamed */
};

struct trii_choose_calls {
    void *user;
    /* candidate[i] is a number into stages[i].list. TRI_CANCELLED and TRI_BUSY (an engine that does not
     * end) end the choosing; any other failure drops the candidate of the stage `failed`, or else this assignment. */
    tri_status (*measure)(void *user, const uint8_t *candidate, struct trii_cost *cost, struct tri_error *err);
    uint64_t (*now)(void *user);
    /* Told before each measurement; may be NULL. */
    void (*progress)(void *user, uint32_t done, uint32_t of);
    uint64_t budget_ns; /* no further round begins after it, but for the first three */
};

/* TRI_ENGINE_UNAVAILABLE: a stage has no candidate left. Candidates may be dropped from the beginning. */
tri_status trii_choose(struct trii_choice *choice, const struct trii_choose_calls *calls, struct tri_error *err);
/* How many assignments are left, saturating. */
uint32_t trii_choice_possible(const struct trii_choice *choice);

#endif

/* What a proof has seen, told; and the parts that it is made of, for the files of this room. */
#ifndef TRIPOINT_PROOF_REPORT_H
#define TRIPOINT_PROOF_REPORT_H

#include "proof/probe.h"

#include <tripoint/proof.h>

#define TRII_FUNCTIONS_MAX 64

/* Where the functions begin that copy or fill, found by calling them: calibrate.c. */
struct trii_movers {
    uintptr_t copying[TRII_FUNCTIONS_MAX], filling[TRII_FUNCTIONS_MAX];
    size_t copying_count, filling_count;
};
tri_status trii_movers_find(struct trii_movers *out, struct tri_error *err);
bool trii_movers_copy(const struct trii_movers *movers, uintptr_t function);
bool trii_movers_fill(const struct trii_movers *movers, uintptr_t function);

struct trii_proof_step {
    char name[TRI_LABEL_BYTES];
    enum tri_proof_place place;
    enum tri_technology technology;
};

struct trii_proof_region {
    tri_handle handle;
    char label[TRI_LABEL_BYTES];
    uint64_t first, pages; /* of the arena */
};

/* Who touches, in words. */
struct trii_who {
    enum tri_toucher toucher;
    char text[256];
    struct trii_seen key; /* code and call; caller too where `by_caller` */
    bool by_caller;
    bool for_us; /* copying that a function of this library asked for */
};

struct trii_seen_line {
    size_t step, region;
    bool writes;
    size_t who;
    uint64_t pages;
};

/* What was seen, told: report.c. */
struct trii_report {
    struct trii_movers movers;
    struct trii_proof_step *steps;
    size_t step_count;
    struct trii_proof_region *regions; /* [0]: the pages that are free */
    size_t region_count;
    struct trii_who *whos;
    size_t who_count;
    struct trii_seen_line *lines;
    size_t line_count;
    uint64_t touches, unseen, lost;
};

tri_status trii_report_open(struct trii_report *report, struct tri_arena *arena, struct tri_error *err);
void trii_report_close(struct trii_report *report);
tri_status trii_report_add_step(struct trii_report *report, const char *name, enum tri_proof_place place,
                                enum tri_technology technology, struct tri_error *err);
/* Takes over what the probe has seen in the last step. */
tri_status trii_report_collect(struct trii_report *report, struct trii_probe *probe, struct tri_error *err);

/* System calls: calls.c. Filters stay; `probe` NULL means that nothing is watched from now on. */
tri_status trii_calls_watch(struct trii_probe *probe, char *why, size_t why_bytes);
void trii_calls_unwatch(void);
/* "pread"; "a system call". */
const char *trii_calls_name(uint32_t number);

#endif
